"""kad: a Kademlia DHT node for asyncio, over libkad-node."""

from .dht import (BootstrapFailed, KademliaDHT, KademliaError, KademliaNode, LookupTimeout, StoreFailed, Unreachable)

__all__ = ["BootstrapFailed", "KademliaDHT", "KademliaError", "KademliaNode", "LookupTimeout", "StoreFailed", "Unreachable"]
