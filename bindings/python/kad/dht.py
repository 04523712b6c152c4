"""KademliaDHT: a node of BitTorrent's Mainline DHT for asyncio.

The node has a thread and an event loop of its own (libuv's, in C); what happens there is handed to the asyncio loop that
called start(). All methods belong to that loop's thread.

Keys. A 20-byte key that is the SHA-1 of the bencoded value is an immutable item of BEP 44. Any other key is a name:
its value is a mutable item, signed with a key pair made from the name itself, so that whoever knows the name can read
it, and also replace it. Use a hard-to-guess name where that matters.
"""

import asyncio
import atexit
import hashlib
import ipaddress
import threading
import time
import weakref
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import _native as c
from ._native import lib

__all__ = ["KademliaDHT", "KademliaNode", "KademliaError", "BootstrapFailed", "LookupTimeout", "Unreachable", "StoreFailed"]

MAX_VALUE = c.VALUE_MAX - 4  # bencoding puts the length and a colon before it
EVENTS = ("on_node_discovered", "on_lookup_completed", "on_data_stored", "on_routing_table_updated")
_REMEMBERED = 16384  # discovered nodes that are not told of again


class KademliaError(Exception):
    """Something the node or the network could not do; the text says what."""


class BootstrapFailed(KademliaError):
    """None of the bootstrap nodes has answered yet. The node goes on trying until stop()."""


class LookupTimeout(KademliaError):
    """DHT query timeout: the deadline passed before the lookup ended."""


class Unreachable(KademliaError):
    """There was nobody to ask, or nobody answered."""


class StoreFailed(KademliaError):
    """No node took the value."""


@dataclass(frozen=True)
class KademliaNode:
    node_id: bytes
    address: str
    port: int
    rtt: Optional[float] = None  # seconds, if measured
    hop: int = 0  # how many answers led to it


def _endpoint(address: str, port: int) -> c.Endpoint:
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if not 0 <= port <= 65535:
        raise ValueError("port %r is not between 0 and 65535" % port)
    endpoint = c.Endpoint(port=port, family=ip.version)
    endpoint.address[:len(ip.packed)] = ip.packed
    return endpoint


def _address(endpoint: c.Endpoint) -> Tuple[str, int]:
    size = 4 if endpoint.family == c.IPV4 else 16
    return str(ipaddress.ip_address(bytes(endpoint.address[:size]))), endpoint.port


def _node(contact: c.Contact, rtt_ms: int = -1, hop: int = 0) -> KademliaNode:
    address, port = _address(contact.endpoint)
    return KademliaNode(bytes(contact.id.bytes[:20]), address, port, rtt_ms / 1000 if rtt_ms >= 0 else None, hop)


def _id(value: bytes, what: str) -> c.Id:
    if not isinstance(value, (bytes, bytearray, memoryview)) or len(value) != 20:
        raise ValueError("%s must be 20 bytes" % what)
    result = c.Id()
    result.bytes[:20] = bytes(value)
    return result


def _bencoded(value: bytes) -> bytes:
    return b"%d:%s" % (len(value), value)


def _plain(item: bytes) -> bytes:
    """The bytes of a bencoded string; another kind of item as it is."""
    length, colon, rest = item.partition(b":")
    return rest if colon and length.isdigit() and int(length) == len(rest) else item


def _name_seed(name: bytes) -> bytes:
    """The Ed25519 seed that stands for a name."""
    return hashlib.sha256(b"kad python name 1\0" + name).digest()


class _Result:
    """What a DONE event said, copied out of the C library's memory."""

    def __init__(self, event: c.Event):
        done = event.done
        self.error, self.reason = done.error, done.reason
        self.n_stored, self.n_answers = done.n_stored, done.n_answers
        self.duration = done.duration_ms / 1000
        self.nodes = [_node(found.contact, found.rtt_ms, found.hop) for found in done.closest[:done.n_closest]]
        self.peers = [_address(peer) for peer in event.peers.peers[:event.peers.n]] if event.peers.n else []
        self.value = None
        if done.record:
            value = done.record.contents.value
            self.value = c.ctypes.string_at(value.data, value.size)

    def raise_if_unreachable(self) -> None:
        """A lookup that ended without a result because of the network, not because there is nothing."""
        if self.reason == c.DEADLINE:
            raise LookupTimeout("DHT query timeout")
        if self.reason == c.NO_CONTACTS:
            raise Unreachable("nobody to ask: not joined yet")
        if self.error == c.E_TIMEOUT:
            raise Unreachable("nobody answered")
        if self.error in (c.E_MEMORY, c.E_LIMIT, c.E_INVALID, c.E_SYSTEM, c.E_CORRUPT, c.E_CLOSED, c.E_DISABLED):
            raise KademliaError(_error_text(self.error))


def _error_text(error: int) -> str:
    return lib.kad_error_text(error).decode()


class KademliaDHT:
    """A node. `node_id` (20 bytes) and `bind_port` (0: any) as in the seed text; by keyword:

    bind_address       an IPv4 or IPv6 address; "0.0.0.0" listens on all
    data_dir           a folder for id, routing table and records; None keeps nothing
    bootstrap_timeout  seconds that start() waits for the first bootstrap node
    settings           fields of struct kad_settings by name: {"alpha": 5, "query_timeout_ms": 800}
    """

    def __init__(self, node_id: Optional[bytes] = None, bind_port: int = 6881, *, bind_address: str = "0.0.0.0",
                 data_dir: Optional[str] = None, bootstrap_timeout: float = 10.0,
                 settings: Optional[Dict[str, Any]] = None):
        self._given_id = None if node_id is None else _id(node_id, "node_id")
        self._listen = _endpoint(bind_address, bind_port)
        self._data_dir = data_dir
        self._bootstrap_timeout = bootstrap_timeout
        self._settings = dict(settings or {})
        self._subscribers: Dict[str, List[Callable]] = {name: [] for name in EVENTS}
        self._node = None
        self._thread = None
        self._loop = None
        self._ready = None
        self._waiting: Dict[int, asyncio.Future] = {}
        self._last = 0
        self._seen: Dict[bytes, None] = {}
        self._table_changed = False
        self._kept = []  # what the C side points to while the node lives

    # -- events ---------------------------------------------------------------------------------------------------

    def register(self, event: Any = None, callback: Optional[Callable] = None, **callbacks: Callable) -> Any:
        """register(on_data_stored), register("on_data_stored", f), register(on_data_stored=f) or as a decorator of a
        function that has the event's name. Any number per event, called in this order."""
        if callable(event):
            callbacks[event.__name__] = event
        elif event is not None:
            callbacks[event] = callback
        for name, function in callbacks.items():
            if name not in self._subscribers:
                raise ValueError("no event %s; there are %s" % (name, ", ".join(EVENTS)))
            self._subscribers[name].append(function)
        return event

    def unregister(self, event: str, callback: Callable) -> None:
        """Also from within a callback; it is not called again."""
        self._subscribers[event].remove(callback)

    def _tell(self, name: str, *arguments: Any) -> None:
        for callback in list(self._subscribers[name]):
            if callback not in self._subscribers[name]:
                continue  # an earlier one unregistered it
            try:
                callback(*arguments)
            except Exception as error:  # a subscriber's mistake is not the node's end
                self._loop.call_exception_handler({"message": "error in %s" % name, "exception": error})

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self, bootstrap_nodes: Optional[List[Tuple[str, int]]] = None) -> None:
        """Binds, and joins through `bootstrap_nodes` (names or addresses). Without any it is the first node of a
        network, or goes on with the contacts saved in data_dir. Returns when it has joined."""
        if self._node:
            raise KademliaError("started already")
        self._loop = asyncio.get_running_loop()
        self._ready = asyncio.Event()
        self._open(bootstrap_nodes or [])
        _running.add(self)
        self._thread = threading.Thread(target=lib.kad_node_run, args=(self._node,), name="kad", daemon=True)
        self._thread.start()
        if bootstrap_nodes:
            try:
                await asyncio.wait_for(self._ready.wait(), self._bootstrap_timeout)
            except asyncio.TimeoutError:
                raise BootstrapFailed("no answer from %s" % ", ".join("%s:%d" % node for node in bootstrap_nodes)) from None

    def _open(self, bootstrap_nodes: List[Tuple[str, int]]) -> None:
        network = lib.kad_network_mainline()
        config = c.NodeConfig()
        lib.kad_node_config_default(network, config)
        self._apply_settings(config.settings)
        config.listen[0], config.n_listen = self._listen, 1
        if len(bootstrap_nodes) > c.BOOTSTRAP_MAX:
            raise ValueError("more than %d bootstrap nodes" % c.BOOTSTRAP_MAX)
        for i, (host, port) in enumerate(bootstrap_nodes):
            text = "[%s]:%d" if ":" in host else "%s:%d"
            config.bootstrap[i] = (text % (host, port)).encode()
        config.n_bootstrap = len(bootstrap_nodes)
        if self._data_dir is not None:
            config.data_dir = str(self._data_dir).encode()
            config.store = c.STORE_LMDB
        if self._given_id is not None:
            config.has_id, config.id = True, self._given_id
        config.watch = c.WATCH_ALL
        on_event = c.CALLBACK(self._event_came)
        config.on_event = on_event
        node, why = c.c_void_p(), c.ctypes.create_string_buffer(512)
        error = lib.kad_node_new(config, c.ctypes.byref(node), why, len(why))
        if error:
            raise KademliaError(why.value.decode(errors="replace") or _error_text(error))
        self._done = c.CALLBACK(self._done_came)
        self._kept = [on_event, self._done]
        error = lib.kad_node_start(node)
        if error:
            lib.kad_node_free(node)
            raise KademliaError(_error_text(error))
        self._node = node

    def _apply_settings(self, settings: c.Settings) -> None:
        types = dict(c.Settings._fields_)
        for name, value in self._settings.items():
            if name not in types:
                raise ValueError("no setting %s" % name)
            setattr(settings, name, value.encode() if types[name] not in c.NUMBERS else value)
        field = c.c_char_p()
        if lib.kad_settings_check(settings, c.ctypes.byref(field)):
            raise ValueError("%s is out of range" % field.value.decode())

    async def joined(self) -> None:
        """Returns when the node has joined a network."""
        self._started()
        await self._ready.wait()

    async def stop(self) -> None:
        """Ends what is under way (each lookup with an error), saves, and frees everything. Again is fine."""
        if not self._node:
            return
        lib.kad_node_stop(self._node)
        await self._loop.run_in_executor(None, self._thread.join)
        node, self._node = self._node, None
        await asyncio.sleep(0)  # what the thread has still handed over
        lib.kad_node_free(node)
        _running.discard(self)
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(KademliaError("stopped"))
        self._waiting.clear()

    async def __aenter__(self) -> "KademliaDHT":
        if not self._node:
            await self.start()
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.stop()

    def _started(self) -> None:
        if not self._node:
            raise KademliaError("not started")

    # -- what the C thread hands over -------------------------------------------------------------------------------

    def _hand_over(self, function: Callable, *arguments: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            pass  # the asyncio loop is closed: nobody is left to tell

    def _done_came(self, user: int, event: Any) -> None:
        if event.contents.kind == c.EVENT_DONE:
            self._hand_over(self._resolve, user, _Result(event.contents))

    def _event_came(self, _: Any, event: Any) -> None:
        kind = event.contents.kind
        if kind == c.EVENT_NODE:
            self._hand_over(self._discovered, _node(event.contents.contact))
        elif kind == c.EVENT_READY:
            self._hand_over(self._ready.set)
        elif kind == c.EVENT_TABLE and not self._table_changed:
            self._table_changed = True  # one call for all changes until the loop gets to it
            self._hand_over(self._table_updated)

    def _resolve(self, user: int, result: _Result) -> None:
        future = self._waiting.pop(user, None)
        if future and not future.done():
            future.set_result(result)

    def _discovered(self, node: KademliaNode) -> None:
        if node.node_id in self._seen:
            return
        if len(self._seen) >= _REMEMBERED:
            self._seen.pop(next(iter(self._seen)))
        self._seen[node.node_id] = None
        self._tell("on_node_discovered", node)

    def _table_updated(self) -> None:
        self._table_changed = False
        self._tell("on_routing_table_updated")

    # -- requests -----------------------------------------------------------------------------------------------------

    async def _ask(self, request: c.Request) -> _Result:
        self._started()
        self._last += 1
        future = self._waiting[self._last] = self._loop.create_future()
        error = lib.kad_node_post(self._node, request, self._done, self._last)
        if error:
            del self._waiting[self._last]
            raise KademliaError(_error_text(error))
        return await future

    async def ping(self, address: str, port: int) -> KademliaNode:
        """The node that lives there, with its round trip time."""
        result = await self._ask(c.Request(kind=c.PING, endpoint=_endpoint(address, port)))
        if not result.nodes:
            raise Unreachable("%s:%d does not answer" % (address, port))
        return result.nodes[0]

    async def find_node(self, target_id: bytes, address: Optional[str] = None,
                        port: Optional[int] = None) -> List[KademliaNode]:
        """The nodes closest to target_id, nearest first: those that the one node at address:port names, or, without an
        address, those that an iterative lookup finds and that answered."""
        request = c.Request(kind=c.CLOSEST, target=_id(target_id, "target_id"))
        if address is not None:
            request.endpoint = _endpoint(address, 6881 if port is None else port)
        result = None
        try:
            result = await self._ask(request)
        finally:
            self._tell("on_lookup_completed", bytes(target_id), result.nodes if result else [])
        if not result.nodes:
            result.raise_if_unreachable()
        return result.nodes

    async def store(self, key: bytes, value: bytes, *, keep: bool = True) -> int:
        """Puts the value to the nodes nearest to the key and returns how many have it, this one included. With `keep`
        it is published again until this node stops (with data_dir: also by later runs). At most 996 bytes."""
        stored = 0
        try:
            stored = (await self._ask(_put_request(key, value, keep))).n_stored
        finally:
            self._tell("on_data_stored", bytes(key), stored > 0)
        if not stored:
            raise StoreFailed("no node took the value")
        return stored

    async def find_value(self, key: bytes) -> Optional[bytes]:
        """The newest value that the network has for the key; None when it has none."""
        results = []
        try:
            if len(key) == 20:
                results.append(await self._ask(c.Request(kind=c.GET, target=_id(key, "key"), first=True)))
            if not results or results[0].value is None:
                results.append(await self._ask(c.Request(kind=c.GET, target=_name_record(key).key)))
        finally:
            self._tell("on_lookup_completed", bytes(key), results[-1].nodes if results else [])
        if results[-1].value is not None:
            return _plain(results[-1].value)
        results[-1].raise_if_unreachable()
        return None

    async def announce(self, info_hash: bytes, port: int, *, keep: bool = True) -> int:
        """Says that this host has info_hash at `port` (0: the port of this node); how many nodes noted it."""
        request = c.Request(kind=c.ANNOUNCE, target=_id(info_hash, "info_hash"), port=port, keep=keep)
        result = await self._ask(request)
        if not result.n_stored:
            raise StoreFailed("no node took the announce")
        return result.n_stored

    async def get_peers(self, info_hash: bytes) -> List[Tuple[str, int]]:
        """(address, port) of those who announced info_hash."""
        result = await self._ask(c.Request(kind=c.PEERS, target=_id(info_hash, "info_hash")))
        self._tell("on_lookup_completed", bytes(info_hash), result.nodes)
        if not result.peers:
            result.raise_if_unreachable()
        return result.peers

    # -- looking in -----------------------------------------------------------------------------------------------------

    @property
    def node_id(self) -> bytes:
        return self._snapshot()["node_id"]

    @property
    def address(self) -> Tuple[str, int]:
        """Where it listens; the port is the real one also when bind_port was 0."""
        return self._snapshot()["listening"][0]

    def get_routing_table_info(self) -> Dict[str, Any]:
        """{"node_id", "ready", "size", "network_size", "buckets": [{"index", "size", "replacements", "nodes": [..]}],
        "listening", "records", "peers", "memory", "counters"}: one consistent moment."""
        return self._snapshot()

    def _snapshot(self) -> Dict[str, Any]:
        self._started()
        result: Dict[str, Any] = {}

        def look(node: Any, _: Any) -> None:  # on the node's thread
            result.update(_look(node))

        call = c.CALL(look)
        error = lib.kad_node_call_wait(self._node, call, None)
        if error:
            raise KademliaError(_error_text(error))
        return result


def _look(node: Any) -> Dict[str, Any]:
    engine = lib.kad_node_engine(node)
    info = c.Info()
    lib.kad_engine_info(engine, info)
    listening = (c.Endpoint * c.LISTEN_MAX)()
    n_listening = lib.kad_node_listening(node, listening, c.LISTEN_MAX)
    now = lib.kad_node_now(node)
    buckets: Dict[Tuple[int, int], Dict[str, Any]] = {}
    for family in (c.IPV4, c.IPV6):
        n = lib.kad_engine_table(engine, family, None, 0)
        rows = (c.TableRow * max(n, 1))()
        lib.kad_engine_table(engine, family, rows, n)
        for row in rows[:n]:
            bucket = buckets.setdefault((family, row.bucket), {
                "index": row.bucket, "family": "ipv4" if family == c.IPV4 else "ipv6", "size": 0, "replacements": 0,
                "nodes": []})
            bucket["replacements" if row.replacement else "size"] += 1
            if not row.replacement:
                bucket["nodes"].append({"node": _node(row.contact, row.rtt_ms), "failures": row.failures,
                                        "heard_seconds_ago": max(0, now - row.heard_at) / 1000})
    return {
        "node_id": bytes(info.id.bytes[:20]),
        "ready": info.ready,
        "size": info.n_contacts[0] + info.n_contacts[1],
        "network_size": info.network_size[0] + info.network_size[1],
        "buckets": [buckets[key] for key in sorted(buckets)],
        "listening": [_address(endpoint) for endpoint in listening[:n_listening]],
        "records": info.n_records,
        "peers": info.n_peers,
        "requests": info.n_requests,
        "memory": info.memory,
    }


def _name_record(name: bytes) -> c.Record:
    """The mutable record of a name, its value empty: for its key."""
    record = c.Record(type=c.RECORD_MUTABLE, value=_lent(b"0:"))
    lib.kad_mainline_sign(record, _name_seed(bytes(name)))
    return record


def _lent(data: bytes) -> c.Bytes:
    lent = c.Bytes(c.ctypes.cast(c.ctypes.c_char_p(data), c.c_void_p), len(data))
    lent.kept = data  # as long as the structure lives
    return lent


def _put_request(key: bytes, value: bytes, keep: bool) -> c.Request:
    item = _bencoded(bytes(value))
    if len(item) > c.VALUE_MAX:
        raise ValueError("a value has at most %d bytes" % MAX_VALUE)
    request = c.Request(kind=c.PUT, keep=keep)
    record = request.record
    request.kept = item
    record.value = _lent(item)
    if len(key) == 20 and hashlib.sha1(item).digest() == bytes(key):
        record.type = c.RECORD_IMMUTABLE
        record.key = _id(key, "key")
    else:
        record.type = c.RECORD_MUTABLE
        record.sequence = time.time_ns() // 1000  # the newest value wins
        error = lib.kad_mainline_sign(record, _name_seed(bytes(key)))
        if error:
            raise KademliaError(_error_text(error))
    request.target = record.key
    return request


_running: "weakref.WeakSet[KademliaDHT]" = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """The C threads end before the interpreter does."""
    for dht in list(_running):
        if dht._node:
            lib.kad_node_stop(dht._node)
            dht._thread.join()
