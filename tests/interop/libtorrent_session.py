"""libtorrent_session - one libtorrent session, driven by JSON lines on standard input.

Each line {"do": NAME, ...} calls the function of that name and is answered by one line.
The settings that let it work on loopback and private addresses are in SETTINGS, with why.
"""

import json
import sys
import time

import libtorrent as lt

import krpc

SETTINGS = {
    "enable_dht": True,
    "enable_lsd": False,  # the DHT alone must bring peers together
    "enable_upnp": False,
    "enable_natpmp": False,
    "enable_outgoing_utp": False,  # transmission waits a minute before metadata over uTP
    "enable_incoming_utp": False,
    # loopback and private addresses, many in one /24, look like an attack to it
    "dht_ignore_dark_internet": False,
    "dht_restrict_routing_ips": False,
    "dht_restrict_search_ips": False,
    "dht_prefer_verified_node_ids": False,
    # as shipped it sends 8,000 B/s and blocks an address for 5 minutes after 5 packets a second
    "dht_upload_rate_limit": 1000000,
    "dht_block_ratelimit": 10000,
    "allow_multiple_connections_per_ip": True,
    "alert_queue_size": 100000,
    "alert_mask": lt.alert.category_t.dht_notification | lt.alert.category_t.dht_operation_notification
    | lt.alert.category_t.error_notification | lt.alert.category_t.status_notification,
}

session = None
torrent = None
sources = set()


def start(listen, bootstrap, settings=None):
    global session
    chosen = dict(SETTINGS, listen_interfaces=",".join(listen), dht_bootstrap_nodes=",".join(bootstrap))
    session = lt.session(dict(chosen, **(settings or {})))
    return {}


def add_node(host, port):
    session.add_dht_node((host, port))
    return {}


def wait_for(kind, accept, seconds, again=None, again_s=5.0):
    """The first alert of a kind that `accept` takes, or None. `again` repeats the request."""
    deadline = time.monotonic() + seconds
    repeat_at = time.monotonic() + again_s
    while time.monotonic() < deadline:
        session.wait_for_alert(200)
        for alert in session.pop_alerts():
            if isinstance(alert, kind) and accept(alert):
                return alert
        if again and time.monotonic() >= repeat_at:
            again()
            repeat_at = time.monotonic() + again_s
    return None


def table():
    """How many nodes are in the routing table."""
    session.post_dht_stats()
    found = wait_for(lt.dht_stats_alert, lambda a: True, 5)
    return {"nodes": sum(b["num_nodes"] for b in found.routing_table) if found else 0}


def put(value):
    target = session.dht_put_immutable_item(bytes.fromhex(value))
    done = wait_for(lt.dht_put_alert, lambda a: a.target == target, 60)
    return {"key": str(target), "stored_at": done.num_success if done else 0}


def put_mutable(seed, value, salt=""):
    """libtorrent asks for the item first and signs one sequence number higher."""
    key = krpc.Key(bytes.fromhex(seed))
    session.dht_put_mutable_item(key.expanded, key.public, bytes.fromhex(value), salt.encode())
    done = wait_for(lt.dht_put_alert, lambda a: bytes(a.public_key) == key.public, 60)
    return {"key": krpc.mutable_target(key.public, salt.encode()).hex(),
            "stored_at": done.num_success if done else 0, "seq": done.seq if done else -1}


def get(key):
    target = lt.sha1_hash(bytes.fromhex(key))
    session.dht_get_immutable_item(target)
    found = wait_for(lt.dht_immutable_item_alert, lambda a: a.target == target, 30)
    if not found or found.item is None:
        return {"value": None}
    # the bindings hand over the item's "value" entry whole
    item = found.item
    item = item["value"] if isinstance(item, dict) and "value" in item else item
    return {"value": item.hex() if isinstance(item, bytes) else krpc.encode(item).hex()}


def get_mutable(public, salt=""):
    session.dht_get_mutable_item(bytes.fromhex(public), salt.encode())
    found = wait_for(lt.dht_mutable_item_alert, lambda a: a.authoritative, 30)
    if not found:
        return {"value": None}
    item = found.item
    value = item["value"] if isinstance(item, dict) and "value" in item else item
    return {"value": value.hex() if isinstance(value, bytes) else None,
            "seq": found.seq, "signature": bytes(found.signature).hex()}


def announce(info_hash, folder="/tmp"):
    """As a client does it: with a torrent. (dht_announce cannot be called from Python in 2.0.8.)"""
    add(folder, "magnet:?xt=urn:btih:" + info_hash)
    torrent.force_dht_announce()
    return {"port": session.listen_port()}


def peers(info_hash, seconds=5):
    """All peers of the replies of one lookup, gathered for some seconds or until one came."""
    wanted = lt.sha1_hash(bytes.fromhex(info_hash))
    session.dht_get_peers(wanted)
    found = wait_for(lt.dht_get_peers_reply_alert, lambda a: a.info_hash == wanted and a.num_peers() > 0, seconds)
    return {"peers": sorted(krpc.text(*p) for p in set(found.peers())) if found else []}


def sample(host, port, target):
    session.dht_sample_infohashes((host, port), lt.sha1_hash(bytes.fromhex(target)))
    found = wait_for(lt.dht_sample_infohashes_alert, lambda a: tuple(a.endpoint) == (host, port), 10)
    if not found:
        return {"samples": None}
    return {"samples": sorted(str(s) for s in found.samples), "num": found.num_infohashes,
            "interval_s": found.interval.total_seconds(), "n_nodes": found.num_nodes}


def add(folder, magnet=None, torrent_path=None):
    """Start a torrent. Peer exchange and local discovery stay off for it."""
    global torrent
    params = lt.parse_magnet_uri(magnet) if magnet else lt.add_torrent_params()
    if torrent_path:
        params.ti = lt.torrent_info(torrent_path)
    params.save_path = folder
    params.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    params.flags |= lt.torrent_flags.disable_pex | lt.torrent_flags.disable_lsd
    torrent = session.add_torrent(params)
    return {}


def progress():
    """How far it is, and every way by which it met peers so far."""
    status = torrent.status()
    for alert in session.pop_alerts():
        if isinstance(alert, lt.dht_reply_alert) and alert.num_peers > 0:
            sources.add("dht")
    for peer in torrent.get_peer_info():
        for name in ("tracker", "dht", "pex", "lsd", "resume_data"):
            if int(peer.source) & int(getattr(lt.peer_info, name)):
                sources.add(name)
    return {"done": bool(status.is_seeding), "bytes": status.total_done, "sources": sorted(sources),
            "state": str(status.state), "failure": status.errc.message() if status.errc.value() else ""}


def main():
    functions = globals()
    for line in sys.stdin:
        call = json.loads(line)
        try:
            answer = functions[call.pop("do")](**call)
        except Exception as error:  # reported to whoever drives us
            answer = {"error": "%s: %s" % (type(error).__name__, error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
