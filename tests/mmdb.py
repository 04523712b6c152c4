#!/usr/bin/python3
"""mmdb - writes a table of places in MaxMind's MMDB format 2.0 (https://maxmind.github.io/MaxMind-DB/), for tests.

    write(path, {"127.1.0.0/16": {"country": {"iso_code": "DE"}}}, "Test-Country")

A binary tree over the 128 bits of an IPv6 address, IPv4 at ::/96; 24 bits a record; behind it the values, each once; then what the
file is. As a program it writes tests/vectors/places.mmdb, which unit tests read."""
import ipaddress
import os
import struct
import sys

STRING, UINT16, UINT32, MAP, UINT64, ARRAY, BOOLEAN = 2, 5, 6, 7, 9, 11, 14
MADE_AT = 1790000000  # always the same bytes


def control(kind, size):
    assert size < 285
    length, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    return bytes([kind << 5 | length]) + more if kind < 8 else bytes([length, kind - 7]) + more


def number(value, kind):
    content = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return control(kind, len(content)) + content


def encode(value):
    if isinstance(value, dict):
        return control(MAP, len(value)) + b"".join(encode(key) + encode(value[key]) for key in value)
    if isinstance(value, list):
        return control(ARRAY, len(value)) + b"".join(encode(each) for each in value)
    if isinstance(value, str):
        return control(STRING, len(value.encode())) + value.encode()
    return number(value, UINT32)


def path_of(network):
    """Its first bits, as they stand in the tree."""
    network = ipaddress.ip_network(network)
    bits, n_bits = int(network.network_address), network.prefixlen
    if network.version == 4:
        n_bits += 96
    return [bits >> (127 - i) & 1 for i in range(n_bits)]


def write(path, places, kind):
    nodes = [[None, None]]  # None: nothing; a number: a node; a dictionary: a value
    for network in sorted(places, key=lambda each: ipaddress.ip_network(each).prefixlen):
        at, bits = 0, path_of(network)
        for bit in bits[:-1]:
            if not isinstance(nodes[at][bit], int):
                nodes.append([nodes[at][bit]] * 2)  # what held for all of it holds for both halves
                nodes[at][bit] = len(nodes) - 1
            at = nodes[at][bit]
        nodes[at][bits[-1]] = places[network]
    data, offsets = b"", {}

    def record(value):
        nonlocal data
        if value is None:
            return len(nodes)
        if isinstance(value, int):
            return value
        text = encode(value)
        if text not in offsets:
            offsets[text] = len(data)
            data += text
        return len(nodes) + 16 + offsets[text]

    tree = b"".join(struct.pack(">I", record(side))[1:] for node in nodes for side in node)
    about = {"binary_format_major_version": (2, UINT16), "binary_format_minor_version": (0, UINT16),
             "build_epoch": (MADE_AT, UINT64), "ip_version": (6, UINT16), "node_count": (len(nodes), UINT32),
             "record_size": (24, UINT16)}
    end = control(MAP, len(about) + 3) + encode("database_type") + encode(kind)
    end += encode("languages") + encode([]) + encode("description") + encode({"en": "made by tests/mmdb.py"})
    for name, (value, size) in about.items():
        end += encode(name) + number(value, size)
    # In the place of the one that is there, as whoever keeps such files up to date must.
    with open(path + ".new", "wb") as file:
        file.write(tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + end)
    os.rename(path + ".new", path)


# Each way of saying it that is understood (src/net/place_files.h), and some that say nothing.
VECTOR = {
    "20.0.0.0/8": {"country": {"iso_code": "DE"}, "autonomous_system_number": 64500},
    "20.7.0.0/16": {"country": {"iso_code": "FR"}, "autonomous_system_number": 4294967295},
    "20.7.7.7/32": {"country": {"iso_code": "GB"}},
    "21.0.0.0/8": {"registered_country": {"iso_code": "US"}},
    "22.0.0.0/8": {"country_code": "NL", "asn": "AS64501"},
    "23.0.0.0/8": {"country": "at", "asn": 64502},
    "24.0.0.0/8": {"country": "Austria", "asn": "none"},
    "25.0.0.0/8": {"continent": {"code": "EU"}},
    "26.0.0.0/8": {"traits": {"autonomous_system_number": 64503}},
    "2001:db8::/32": {"country": {"iso_code": "JP"}, "autonomous_system_number": 64504},
}

if __name__ == "__main__":
    write(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors",
                                                             "places.mmdb"), VECTOR, "Test-Places")
