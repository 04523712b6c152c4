#!/usr/bin/python3
# release
"""KademliaDHT as seed 001 describes it (P038, P039, P159-P169), on networks of real nodes on loopback."""
import asyncio
import hashlib
import inspect
import os
import random
import socket
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from kad import (BootstrapFailed, KademliaDHT, KademliaError, KademliaNode, LookupTimeout, StoreFailed,  # noqa: E402
                 Unreachable)

N_NODES = 12


def host():
    """An address of 127/8 that nothing else uses."""
    return "127.%d.%d.%d" % (random.randrange(16, 250), random.randrange(250), random.randrange(1, 250))


def new_node(**more):
    return KademliaDHT(bind_port=0, bind_address=host(), **more)


async def network(n):
    nodes = [new_node()]
    await nodes[0].start()
    for _ in range(n - 1):
        nodes.append(new_node())
    await asyncio.gather(*(node.start([nodes[0].address]) for node in nodes[1:]))
    return nodes


async def stop(nodes):
    await asyncio.gather(*(node.stop() for node in nodes))


class Alone(unittest.IsolatedAsyncioTestCase):
    def test_the_api_is_the_seed_texts(self):
        def parameters(function):
            return [name for name, p in inspect.signature(function).parameters.items() if p.kind != p.KEYWORD_ONLY]

        self.assertEqual(parameters(KademliaDHT.__init__), ["self", "node_id", "bind_port"])
        self.assertEqual(parameters(KademliaDHT.start), ["self", "bootstrap_nodes"])
        self.assertEqual(parameters(KademliaDHT.stop), ["self"])
        self.assertEqual(parameters(KademliaDHT.find_node), ["self", "target_id", "address", "port"])
        self.assertEqual(parameters(KademliaDHT.store), ["self", "key", "value"])
        self.assertEqual(parameters(KademliaDHT.find_value), ["self", "key"])
        self.assertEqual(parameters(KademliaDHT.get_routing_table_info), ["self"])

    async def test_a_node_alone_finds_what_it_stored(self):  # P162
        async with new_node() as node:
            self.assertEqual(await node.store(b"name", b"value"), 1)
            self.assertEqual(await node.find_value(b"name"), b"value")

    async def test_the_id_given_is_the_id_it_has(self):
        wanted = bytes(range(20))
        async with new_node(node_id=wanted) as node:
            self.assertEqual(node.node_id, wanted)

    async def test_wrong_arguments_are_refused_before_anything_is_opened(self):
        for wrong in (dict(node_id=b"short"), dict(bind_port=65536), dict(bind_address="nonsense")):
            with self.assertRaises(ValueError):
                KademliaDHT(**wrong)
        for settings in ({"no_such": 1}, {"alpha": 0}):
            with self.assertRaises(ValueError):
                await new_node(settings=settings).start()
        async with new_node() as node:
            with self.assertRaises(ValueError):
                await node.store(b"key", b"x" * 997)
            with self.assertRaises(ValueError):
                await node.find_node(b"short")
            with self.assertRaises(ValueError):
                node.register("on_nothing", print)

    async def test_a_taken_port_is_said(self):
        address = host()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind((address, 0))
            node = KademliaDHT(bind_port=taken.getsockname()[1], bind_address=address)
            with self.assertRaisesRegex(KademliaError, "in use"):
                await node.start()

    async def test_bootstraps_that_do_not_answer_are_named_and_it_can_be_stopped(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind((host(), 0))
            node = new_node(bootstrap_timeout=0.3)
            with self.assertRaisesRegex(BootstrapFailed, "%s:%d" % silent.getsockname()):
                await node.start([silent.getsockname()])
            await node.stop()
            await node.stop()

    async def test_using_a_stopped_node_is_an_error(self):
        node = new_node()
        await node.start()
        await node.stop()
        with self.assertRaises(KademliaError):
            await node.find_value(b"key")
        with self.assertRaises(KademliaError):
            node.get_routing_table_info()

    async def test_started_and_stopped_many_times(self):
        for _ in range(100):
            node = new_node()
            await node.start()
            await node.stop()

    async def test_what_it_stored_survives_with_a_data_directory(self):
        with tempfile.TemporaryDirectory() as folder:
            async with new_node(data_dir=folder) as node:
                await node.store(b"kept", b"here")
                node_id = node.node_id
            async with new_node(data_dir=folder) as node:
                self.assertEqual(node.node_id, node_id)
                self.assertEqual(await node.find_value(b"kept"), b"here")


class Network(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.nodes = await network(N_NODES)

    async def asyncTearDown(self):
        await stop(self.nodes)

    async def test_any_value_is_found_from_every_node(self):
        for i, node in enumerate(self.nodes[:4]):
            self.assertGreaterEqual(await node.store(b"name %d" % i, b"value %d" % i), 4)
        for node in self.nodes:
            for i in range(4):
                self.assertEqual(await node.find_value(b"name %d" % i), b"value %d" % i)

    async def test_the_newest_value_of_a_name_wins(self):
        await self.nodes[0].store(b"name", b"old")
        await self.nodes[5].store(b"name", b"new")
        self.assertEqual(await self.nodes[9].find_value(b"name"), b"new")

    async def test_an_immutable_value_under_its_hash(self):
        for value in (b"", b"content", bytes(996)):
            key = hashlib.sha1(b"%d:%s" % (len(value), value)).digest()
            await self.nodes[1].store(key, value)
            self.assertEqual(await self.nodes[7].find_value(key), value)

    async def test_what_nobody_stored_is_none(self):
        self.assertIsNone(await self.nodes[3].find_value(b"never stored"))
        self.assertIsNone(await self.nodes[3].find_value(bytes(20)))

    async def test_one_node_is_asked_for_its_own_closest(self):  # P161
        target = random.randbytes(20)
        other = self.nodes[4]
        found = await self.nodes[2].find_node(target, *other.address)
        known = {node["node"].node_id for bucket in other.get_routing_table_info()["buckets"]
                 for node in bucket["nodes"]}
        self.assertTrue(found)
        for node in found:
            self.assertIsInstance(node, KademliaNode)
            self.assertIn(node.node_id, known | {self.nodes[2].node_id})

    async def test_a_lookup_finds_the_nearest_in_order(self):
        target = random.randbytes(20)
        found = [node.node_id for node in await self.nodes[2].find_node(target)]
        nearest = sorted((node.node_id for node in self.nodes if node is not self.nodes[2]),
                         key=lambda node_id: bytes(a ^ b for a, b in zip(node_id, target)))
        self.assertEqual(found, nearest[:len(found)])
        self.assertGreaterEqual(len(found), 8)

    async def test_peers_are_found(self):
        info_hash = random.randbytes(20)
        await self.nodes[0].announce(info_hash, 51413)
        self.assertEqual(await self.nodes[6].get_peers(info_hash), [(self.nodes[0].address[0], 51413)])
        self.assertEqual(await self.nodes[6].get_peers(bytes(20)), [])

    async def test_ping(self):
        node = await self.nodes[0].ping(*self.nodes[1].address)
        self.assertEqual(node.node_id, self.nodes[1].node_id)
        self.assertGreaterEqual(node.rtt, 0)

    async def test_not_found_timeout_and_unreachable_are_three_things(self):  # P163
        self.assertIsNone(await self.nodes[0].find_value(b"nothing"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind((host(), 0))
            with self.assertRaises((LookupTimeout, Unreachable)):
                await self.nodes[0].find_node(bytes(20), *silent.getsockname())
            with self.assertRaises(Unreachable):
                await self.nodes[0].ping(*silent.getsockname())
        async with new_node() as alone:
            with self.assertRaises(Unreachable):
                await alone.find_value(b"nothing")

    async def test_the_table_is_described(self):  # P164
        info = self.nodes[3].get_routing_table_info()
        self.assertEqual(info["node_id"], self.nodes[3].node_id)
        self.assertTrue(info["ready"])
        self.assertEqual(info["size"], sum(bucket["size"] for bucket in info["buckets"]))
        self.assertEqual(info["size"], sum(len(bucket["nodes"]) for bucket in info["buckets"]))
        self.assertGreater(info["size"], N_NODES // 2)
        self.assertGreater(info["memory"], 0)

    async def test_lookups_under_way_end_when_the_node_is_stopped(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind((host(), 0))
            asked = [asyncio.ensure_future(self.nodes[0].ping(*silent.getsockname())) for _ in range(20)]
            await asyncio.sleep(0)
            await self.nodes[0].stop()
            for result in await asyncio.gather(*asked, return_exceptions=True):
                self.assertIsInstance(result, KademliaError)


class Events(unittest.IsolatedAsyncioTestCase):
    async def test_the_four_events_of_the_seed_text(self):  # P165-P168
        first, second = new_node(), new_node()
        seen = {"nodes": [], "lookups": [], "stored": [], "updates": 0}

        @second.register
        def on_node_discovered(node):
            seen["nodes"].append(node)

        @second.register
        def on_lookup_completed(target_id, results):
            seen["lookups"].append((target_id, results))

        @second.register
        def on_data_stored(key, success):
            seen["stored"].append((key, success))

        @second.register
        def on_routing_table_updated():
            seen["updates"] += 1

        await first.start()
        await second.start([first.address])
        target = bytes(range(20))
        found = await second.find_node(target)
        await second.store(b"key", b"value")
        await second.find_value(b"key")
        self.assertEqual([node.node_id for node in seen["nodes"]], [first.node_id])
        self.assertEqual(seen["lookups"][0], (target, found))
        self.assertEqual([lookup[0] for lookup in seen["lookups"]], [target, b"key"])
        self.assertEqual(seen["stored"], [(b"key", True)])
        self.assertGreaterEqual(seen["updates"], 1)
        await stop([first, second])

    async def test_a_store_that_fails_says_so(self):
        node = new_node(settings={"read_only": True})
        stored = []
        node.register(on_data_stored=lambda key, success: stored.append(success))
        await node.start()
        try:
            with self.assertRaises(StoreFailed):
                await node.store(b"key", b"value")
        finally:
            await node.stop()
        self.assertEqual(stored, [False])

    async def test_two_subscribers_get_the_same_and_one_may_leave_inside(self):  # P169
        node = new_node()
        one, two = [], []

        def leaves(key, success):
            one.append(key)
            node.unregister("on_data_stored", leaves)

        node.register(on_data_stored=leaves)
        node.register("on_data_stored", lambda key, success: two.append(key))
        async with node:
            await node.store(b"a", b"1")
            await node.store(b"b", b"2")
        self.assertEqual((one, two), ([b"a"], [b"a", b"b"]))

    async def test_a_mistake_of_a_subscriber_reaches_the_loop_and_not_the_node(self):
        errors = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context["exception"]))
        async with new_node() as node:
            node.register(on_data_stored=lambda key, success: 1 / 0)
            self.assertEqual(await node.store(b"a", b"1"), 1)
        self.assertEqual([type(error) for error in errors], [ZeroDivisionError])


if __name__ == "__main__":
    unittest.main()
