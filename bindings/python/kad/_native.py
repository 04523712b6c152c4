"""The C interface of libkad-node as ctypes sees it: include/kad/types.h, identity.h, engine.h and node.h, field by field.

tests/test_layout.py has the C compiler check every offset and size written here.
"""

import ctypes
import ctypes.util
import os
from ctypes import (CFUNCTYPE, POINTER, Structure, c_bool, c_char, c_char_p, c_double, c_int, c_int16, c_int32, c_int64, c_size_t,
                    c_uint, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p)

from . import _settings

ID_SIZE = 32
LISTEN_MAX = 8
BOOTSTRAP_MAX = 64
VALUE_MAX = 1000

# enum kad_error
E_MEMORY, E_LIMIT, E_INVALID, E_NOT_FOUND, E_EXISTS, E_SPACE, E_TIMEOUT, E_REFUSED, E_SYSTEM, E_CORRUPT, E_CLOSED, E_DISABLED = range(
    -1, -13, -1)
# enum kad_request_kind
PING, CLOSEST, FIND, PEERS, ANNOUNCE, GET, PUT, SAMPLE = range(8)
# enum kad_reason
CONVERGED, EXHAUSTED, NO_CONTACTS, SATISFIED, DEADLINE, CANCELLED = range(1, 7)
# enum kad_event_kind
(EVENT_DONE, EVENT_HOP, EVENT_PEERS, EVENT_NODE, EVENT_TABLE, EVENT_STORED, EVENT_READY, EVENT_ADDRESS, EVENT_ID,
 EVENT_WARNING) = range(10)
WATCH_ALL = 15
RECORD_IMMUTABLE, RECORD_MUTABLE = 1, 2
IPV4, IPV6 = 4, 6


class Bytes(Structure):
    _c_name_ = "struct kad_bytes"
    _fields_ = [("data", c_void_p), ("size", c_size_t)]


class Id(Structure):
    _c_name_ = "struct kad_id"
    _fields_ = [("bytes", c_uint8 * ID_SIZE)]


class Endpoint(Structure):
    _c_name_ = "struct kad_endpoint"
    _fields_ = [("address", c_uint8 * 16), ("port", c_uint16), ("family", c_uint8), ("zero", c_uint8)]


class Contact(Structure):
    _c_name_ = "struct kad_contact"
    _fields_ = [("id", Id), ("endpoint", Endpoint)]


class Record(Structure):
    _c_name_ = "struct kad_record"
    _fields_ = [("type", c_uint8), ("many", c_bool), ("withdrawn", c_bool), ("hashed", c_bool), ("key", Id),
                ("value", Bytes), ("salt", Bytes), ("sequence", c_int64), ("public_key", c_uint8 * 32), ("signature", c_uint8 * 64),
                ("made_at", c_int64), ("valid_until", c_int64), ("expires_at", c_int64), ("seen_at", c_int64)]


class Request(Structure):
    _c_name_ = "struct kad_request"
    _fields_ = [("kind", c_int), ("target", Id), ("endpoint", Endpoint), ("record", Record), ("cas", c_int64),
                ("timeout_ms", c_int64), ("keep_until", c_int64), ("port", c_uint16), ("seed", c_bool), ("scrape", c_bool), ("has_cas", c_bool),
                ("first", c_bool), ("keep", c_bool), ("later", c_bool), ("trace", c_bool), ("progress", c_bool),
                ("fresh", c_bool), ("renews", c_bool), ("signer", c_uint8 * 32), ("replicas", c_uint8), ("prefix_bits", c_uint8), ("user", c_void_p)]


class Found(Structure):
    _c_name_ = "struct kad_found"
    _fields_ = [("contact", Contact), ("public_key", c_uint8 * 32), ("rtt_ms", c_int32), ("hop", c_uint8)]


class EventTable(Structure):
    _fields_ = [("added", c_bool), ("removed", c_bool), ("gone", Contact)]


class EventHop(Structure):
    _fields_ = [("what", c_int), ("hop", c_uint8), ("prefix", c_uint16), ("rtt_ms", c_int32), ("n_contacts", c_uint16),
                ("n_peers", c_uint16), ("value", c_bool), ("at_ms", c_int64)]


class EventPeers(Structure):
    _fields_ = [("peers", POINTER(Endpoint)), ("n", c_size_t)]


class Confidence(Structure):
    _c_name_ = "struct kad_confidence"
    _fields_ = [("all", c_int16), ("density", c_int16), ("groups", c_int16), ("agreement", c_int16), ("sparse", c_bool)]


class EventDone(Structure):
    _fields_ = [("kind", c_int), ("error", c_int), ("reason", c_int), ("target", Id), ("duration_ms", c_int64),
                ("hops", c_uint16), ("hops_to_first", c_uint16), ("first_ms", c_int64), ("n_queries", c_uint32),
                ("n_answers", c_uint32), ("n_timeouts", c_uint32), ("closest", POINTER(Found)), ("n_closest", c_size_t),
                ("record", POINTER(Record)), ("n_copies", c_uint32), ("n_stored", c_uint32), ("n_refused", c_uint32),
                ("stored_here", c_bool), ("refusal", c_int), ("samples", POINTER(Id)), ("n_samples", c_size_t),
                ("seeds", c_double), ("peers", c_double), ("version", c_char * 5), ("records", POINTER(Record)),
                ("n_records", c_size_t), ("receipts", c_void_p), ("n_receipts", c_size_t), ("n_held", c_uint32),
                ("n_nothing", c_uint32), ("held_sequence", c_int64), ("cached", c_bool),
                ("confidence", Confidence)]


class Event(Structure):
    _c_name_ = "struct kad_event"
    _fields_ = [("kind", c_int), ("request", c_uint64), ("user", c_void_p), ("contact", Contact), ("key", Id),
                ("warning", c_int), ("table", EventTable), ("hop", EventHop), ("peers", EventPeers), ("done", EventDone)]


class IdentityPair(Structure):
    _c_name_ = "struct kad_identity"
    _fields_ = [("public_key", c_uint8 * 32), ("secret", c_uint8 * 64)]


class IdentitySearch(Structure):
    _c_name_ = "struct kad_identity_search"
    _fields_ = [("identity", IdentityPair), ("n_tries", c_uint64), ("bits", c_uint), ("found", c_bool), ("seed", c_uint8 * 32)]


class TableRow(Structure):
    _c_name_ = "struct kad_table_row"
    _fields_ = [("contact", Contact), ("public_key", c_uint8 * 32), ("bucket", c_uint), ("rtt_ms", c_int32), ("heard_at", c_int64),
                ("failures", c_uint), ("replacement", c_bool), ("id_fits", c_bool)]


NUMBERS = (c_uint, c_int64, c_bool, c_double, c_uint64, c_uint32)


class Settings(Structure):
    _c_name_ = "struct kad_settings"
    _fields_ = _settings.FIELDS


CALLBACK = CFUNCTYPE(None, c_void_p, POINTER(Event))
CALL = CFUNCTYPE(None, c_void_p, c_void_p)
STORE_MEMORY, STORE_LMDB = range(2)


class NodeLibp2p(Structure):
    _c_name_ = "struct kad_node_libp2p"
    _fields_ = [("protocols", c_char_p * 4), ("n_protocols", c_size_t), ("mode", c_int), ("private_addresses", c_int),
                ("max_connections", c_uint), ("accept_per_s", c_uint), ("max_per_host", c_uint),
                ("max_per_subnet", c_uint), ("announce", c_char_p * 8), ("n_announce", c_size_t),
                ("certificate", c_char_p), ("certificate_key", c_char_p), ("authorities", c_char_p), ("agent", c_char_p), ("provider_probe_ms", c_int64)]


class NodeRelay(Structure):
    _c_name_ = "struct kad_node_relay"
    _fields_ = [("mode", c_int), ("pinned", c_char_p), ("clients", c_uint), ("bytes_per_s", c_uint64)]


class NodeConfig(Structure):
    _c_name_ = "struct kad_node_config"
    _fields_ = [("network", c_void_p), ("settings", Settings), ("loop", c_void_p), ("listen", Endpoint * LISTEN_MAX),
                ("n_listen", c_size_t), ("listen_as", c_int * LISTEN_MAX), ("libp2p", NodeLibp2p), ("relay", NodeRelay), ("bootstrap", c_char_p * BOOTSTRAP_MAX), ("n_bootstrap", c_size_t),
                ("data_dir", c_char_p), ("store", c_int), ("store_max_bytes", c_uint64), ("name", c_char_p),
                ("has_seed", c_bool), ("seed", c_uint8 * 32), ("has_secret", c_bool), ("secret", c_uint8 * 32), ("identity", c_char_p),
                ("passphrase", c_char_p), ("classes", c_void_p), ("n_classes", c_size_t), ("places", c_void_p), ("gate", c_void_p), ("rotate_every_ms", c_int64), ("region_silent_ms", c_int64), ("moved_for_ms", c_int64), ("readers", c_uint * 4), ("announce_self", c_bool), ("disabled", c_bool), ("has_id", c_bool), ("id", Id), ("log_level", c_int),
                ("log", c_void_p), ("log_context", c_void_p),
                ("record", c_char_p), ("record_max_bytes", c_uint64), ("with", c_void_p), ("watch", c_uint), ("on_event", CALLBACK),
                ("on_stopped", c_void_p), ("context", c_void_p)]


class Info(Structure):
    _c_name_ = "struct kad_info"
    _fields_ = [("id", Id), ("address", Endpoint), ("id_bits", c_uint), ("ready", c_bool), ("read_only", c_bool),
                ("n_contacts", c_size_t * 2), ("n_buckets", c_uint * 2), ("network_size", c_double * 2),
                ("n_requests", c_uint), ("n_queries", c_uint), ("n_publications", c_uint), ("patience_ms", c_int64),
                ("rtt_ms", c_int64), ("n_peers_active", c_uint), ("load_percent", c_uint), ("deaths_per_1000_h", c_uint),
                ("ping_after_ms", c_int64), ("refresh_after_ms", c_int64), ("n_records", c_uint64), ("record_bytes", c_uint64), ("n_keys", c_uint64),
                ("n_peers", c_uint64), ("memory", c_uint64), ("standing", c_int)]


_FUNCTIONS = {
    "kad_version": (c_uint, []),
    "kad_error_text": (c_char_p, [c_int]),
    "kad_network_mainline": (c_void_p, []),
    "kad_settings_check": (c_int, [POINTER(Settings), POINTER(c_char_p)]),
    "kad_mainline_sign": (c_int, [POINTER(Record), c_char_p]),
    "kad_identity_start": (c_int, []),
    "kad_identity_from_seed": (None, [POINTER(IdentityPair), c_char_p]),
    "kad_identity_id": (Id, [c_char_p]),
    "kad_identity_bits": (c_uint, [c_char_p]),
    "kad_identity_valid": (c_bool, [c_char_p]),
    "kad_identity_search_init": (None, [POINTER(IdentitySearch), c_char_p, c_uint]),
    "kad_identity_try": (c_bool, [POINTER(IdentitySearch), c_uint]),
    "kad_identity_search_wipe": (None, [POINTER(IdentitySearch)]),
    "kad_identity_format": (c_char_p, [c_char_p, c_char_p]),
    "kad_identity_parse": (c_int, [c_char_p, c_char_p]),
    "kad_identity_why": (c_char_p, [c_char_p, c_char_p, c_size_t]),
    "kad_identity_sign": (c_int, [POINTER(IdentityPair), c_char_p, Bytes, c_char_p]),
    "kad_identity_verify": (c_bool, [c_char_p, c_char_p, Bytes, c_char_p]),
    "kad_node_config_default": (None, [c_void_p, POINTER(NodeConfig)]),
    "kad_node_new": (c_int, [POINTER(NodeConfig), POINTER(c_void_p), c_char_p, c_size_t]),
    "kad_node_start": (c_int, [c_void_p]),
    "kad_node_run": (c_int, [c_void_p]),
    "kad_node_stop": (None, [c_void_p]),
    "kad_node_free": (None, [c_void_p]),
    "kad_node_post": (c_int, [c_void_p, POINTER(Request), CALLBACK, c_void_p]),
    "kad_node_post_cancel": (c_int, [c_void_p, c_void_p]),
    "kad_node_call_wait": (c_int, [c_void_p, CALL, c_void_p]),
    "kad_node_listening": (c_size_t, [c_void_p, POINTER(Endpoint), c_size_t]),
    "kad_node_engine": (c_void_p, [c_void_p]),
    "kad_node_now": (c_int64, [c_void_p]),
    "kad_engine_info": (None, [c_void_p, POINTER(Info)]),
    "kad_engine_table": (c_size_t, [c_void_p, c_int, POINTER(TableRow), c_size_t]),
}


def _opened(place):
    library = ctypes.CDLL(place)
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    if library.kad_version() // 100 != VERSION // 100:
        raise ImportError("%s is version %d, this package is made for %d" % (place, library.kad_version(), VERSION))
    return library


def _load():
    """KAD_LIBRARY, the build tree around this file, or wherever the system's loader looks."""
    here = os.path.dirname(os.path.abspath(__file__))
    if os.environ.get("KAD_LIBRARY"):
        return _opened(os.environ["KAD_LIBRARY"])
    places = [os.path.join(here, "..", "..", "..", "build", "libkad-node.so"),
              ctypes.util.find_library("kad-node"), "libkad-node.so"]
    failure = None
    for place in places:
        if not place or (os.sep in place and not os.path.exists(place)):
            continue
        try:
            return _opened(place)
        except OSError as error:
            failure = error
    raise ImportError("libkad-node.so is not found: make install, or set KAD_LIBRARY (%s)" % failure)


VERSION = 100  # KAD_VERSION_NUMBER of the headers that stand above
lib = _load()
