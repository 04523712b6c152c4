"""kad: a Kademlia DHT node for asyncio, over libkad-node."""

from .dht import (BootstrapFailed, KademliaDHT, KademliaError, KademliaNode, LookupTimeout, StoreFailed, Unreachable)
from .identity import Identity

__all__ = ["BootstrapFailed", "Identity", "KademliaDHT", "KademliaError", "KademliaNode", "LookupTimeout", "StoreFailed", "Unreachable"]
