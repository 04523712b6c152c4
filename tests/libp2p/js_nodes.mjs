// js_nodes - js-libp2p nodes with kad-dht, many in one process, driven by JSON lines on standard input.
//
// Each line {"id": N, "do": NAME, ...} calls the function of that name in `calls`; {"id": N, ...} answers it, when it is done:
// calls run side by side. Keys and values are hexadecimal, content ids and peer ids text. Every event that a query yields is
// counted, so that a test can see whom it asked.
import { createHash, randomBytes } from 'node:crypto'
import readline from 'node:readline'
import { createLibp2p } from 'libp2p'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { identify, identifyPush } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'

const nodes = []
const bytes = hex => Uint8Array.from(Buffer.from(hex, 'hex'))
const hex = data => Buffer.from(data).toString('hex')
const signal = ms => ({ signal: AbortSignal.timeout(ms ?? 60000) })

// Values below /icn/: any that is not empty; of two the greater one, bytewise.
const validators = { icn: async (key, value) => { if (value.length === 0) throw new Error('empty') } }
const selectors = {
  icn: (key, values) => values.reduce((best, value, i) => Buffer.compare(value, values[best]) > 0 ? i : best, 0)
}

// All of a query: what it yielded, whom it asked, and what failed.
async function drain (query, each) {
  const asked = new Set()
  const errors = []
  for await (const event of query) {
    if (event.name === 'SEND_QUERY') asked.add(event.to.toString())
    if (event.name === 'QUERY_ERROR') errors.push(`${event.from}: ${event.error.message}`)
    each(event)
  }
  return { asked: [...asked], errors }
}

async function say (stream, chunk) {
  if (!stream.send(chunk)) {
    await new Promise((resolve, reject) => {
      stream.addEventListener('drain', resolve, { once: true })
      stream.addEventListener('close', () => reject(new Error('closed')), { once: true })
    })
  }
}

const sha256 = () => createHash('sha256')

const calls = {
  // Speaks a protocol: says back what comes (echo), or ends the stream with a reset when the first bytes come.
  async speak ({ node, protocol, resets = false }) {
    await nodes[node].handle(protocol, async stream => {
      for await (const chunk of stream) {
        if (resets) return stream.abort(new Error('enough'))
        await say(stream, chunk)
      }
      await stream.close()
    })
    return {}
  },

  // Says `size` bytes over a stream of its own in a protocol, ends it, and hears what comes back.
  async stream ({ node, peer, protocol, size, resets = false }) {
    const stream = await nodes[node].dialProtocol(peer.startsWith('/') ? multiaddr(peer) : peerIdFromString(peer), protocol, signal())
    const said = sha256()
    const heard = sha256()
    let n = 0
    const hearing = (async () => {
      for await (const chunk of stream) {
        n += chunk.byteLength
        heard.update(chunk.subarray())
      }
    })()
    hearing.catch(() => {})
    for (let left = size; left > 0; left -= 10000) {
      const chunk = randomBytes(Math.min(left, 10000))
      said.update(chunk)
      await say(stream, chunk)
    }
    if (resets) {
      stream.abort(new Error('enough'))
      return {}
    }
    await stream.close()
    await hearing
    return { n, same: said.digest('hex') === heard.digest('hex') }
  },

  async start ({ protocol, listen, key = 'Ed25519', client = false, announce, bits, querySelf, connections }) {
    const node = await createLibp2p({
      privateKey: await generateKeyPair(key, bits),
      addresses: { listen, ...(announce ? { announce } : {}) },
      transports: [tcp(), webSockets()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionManager: {
        inboundConnectionThreshold: 1000, maxIncomingPendingConnections: 1000, ...(connections ? { maxConnections: connections } : {})
      },
      connectionMonitor: { enabled: true },
      services: {
        identify: identify(),
        identifyPush: identifyPush(),
        ping: ping(),
        dht: kadDHT({
          protocol, clientMode: client, peerInfoMapper: passthroughMapper, querySelfInterval: querySelf, validators, selectors
        })
      }
    })
    if (!client) await node.services.dht.setMode('server', { force: true })
    nodes.push(node)
    return { node: nodes.length - 1, peer: node.peerId.toString(), addresses: node.getMultiaddrs().map(a => a.toString()) }
  },

  async dial ({ node, address }) {
    const connection = await nodes[node].dial(multiaddr(address), signal())
    return { peer: connection.remotePeer.toString() }
  },

  async connections ({ node }) {
    return {
      connections: nodes[node].getConnections().map(c => ({
        peer: c.remotePeer.toString(), address: c.remoteAddr.toString(), inbound: c.direction === 'inbound'
      }))
    }
  },

  // Whom it would name to others.
  async table ({ node }) {
    return { peers: [...nodes[node].services.dht.routingTable.kb.toIterable()].map(p => p.peerId.toString()) }
  },

  async known ({ node, peer }) {
    const known = await nodes[node].peerStore.get(peerIdFromString(peer))
    return {
      addresses: known.addresses.map(a => a.multiaddr.toString()),
      protocols: known.protocols,
      metadata: Object.fromEntries([...known.metadata].map(([name, value]) => [name, Buffer.from(value).toString()]))
    }
  },

  async ping ({ node, peer }) {
    return { ms: await nodes[node].services.ping.ping(peerIdFromString(peer), signal()) }
  },

  async refresh ({ node }) {
    await nodes[node].services.dht.refreshRoutingTable(signal())
    return {}
  },

  async mode ({ node, mode }) {
    await nodes[node].services.dht.setMode(mode, { force: true })
    return {}
  },

  async provide ({ node, cid }) {
    const begun = performance.now()
    const said = await drain(nodes[node].services.dht.provide(CID.parse(cid), signal()), () => {})
    return { ...said, all: performance.now() - begun }
  },

  async providers ({ node, cid }) {
    const providers = new Map()
    const begun = performance.now()
    let first = null // ms
    const said = await drain(nodes[node].services.dht.findProviders(CID.parse(cid), signal()), event => {
      if (event.name !== 'PROVIDER' && event.name !== 'PEER_RESPONSE') return
      for (const { id, multiaddrs } of event.providers) providers.set(id.toString(), multiaddrs.map(a => a.toString()))
      if (providers.size) first ??= performance.now() - begun
    })
    return { ...said, first, all: performance.now() - begun, providers: Object.fromEntries(providers) }
  },

  async find ({ node, peer }) {
    let addresses = null
    const said = await drain(nodes[node].services.dht.findPeer(peerIdFromString(peer), signal()), event => {
      if (event.name === 'FINAL_PEER') addresses = event.peer.multiaddrs.map(a => a.toString())
    })
    return { ...said, addresses }
  },

  async closest ({ node, key }) {
    const peers = []
    const said = await drain(nodes[node].services.dht.getClosestPeers(bytes(key), signal()), event => {
      if (event.name === 'FINAL_PEER') peers.push(event.peer.id.toString())
    })
    return { ...said, peers }
  },

  async put ({ node, key, value }) {
    let stored = 0
    const said = await drain(nodes[node].services.dht.put(bytes(key), bytes(value), signal()), event => {
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') stored++
    })
    return { ...said, stored }
  },

  async get ({ node, key }) {
    const values = []
    const said = await drain(nodes[node].services.dht.get(bytes(key), signal()), event => {
      if (event.name === 'VALUE') values.push(hex(event.value))
    })
    return { ...said, values }
  },

  // A peer's public key by its id: /pk/.
  async self ({ node }) {
    const { peerId, services } = nodes[node]
    return {
      peer: peerId.toString(), key: hex(peerId.publicKey.raw), mode: services.dht.getMode(),
      addresses: nodes[node].getMultiaddrs().map(a => a.toString()), memory: process.memoryUsage().rss
    }
  },

  async stop ({ node }) {
    await nodes[node].stop()
    return {}
  }
}

async function answer ({ id, do: name, ...rest }) {
  let said
  try {
    said = await calls[name](rest)
  } catch (error) {
    said = { error: `${error.name}: ${error.message}` }
  }
  process.stdout.write(JSON.stringify({ id, ...said }) + '\n')
}

process.on('unhandledRejection', error => process.stderr.write(`unhandled: ${error?.stack}\n`))
for await (const line of readline.createInterface({ input: process.stdin })) answer(JSON.parse(line))
process.exit(0)
