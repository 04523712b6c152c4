// bittorrent_dht_nodes - npm's bittorrent-dht, many nodes in one process, driven by JSON lines on standard input.
//
// Each line {"do": NAME, ...} calls the function of that name in `calls` and is answered by one line. The nodes
// share nothing but the process: each has a socket on an address of its own.
import crypto from 'node:crypto'
import readline from 'node:readline'
import DHT from 'bittorrent-dht'

const nodes = []
const seen = new Map() // node -> Map(info-hash -> Set(peer)), filled by its 'peer' events

// The DER headers that turn a raw Ed25519 seed or public key into what node:crypto reads.
const PRIVATE = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC = Buffer.from('302a300506032b6570032100', 'hex')

const keyOf = seed => crypto.createPrivateKey({ key: Buffer.concat([PRIVATE, seed]), format: 'der', type: 'pkcs8' })
const publicOf = key => crypto.createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)
const verify = (signature, message, publicKey) => {
  const key = crypto.createPublicKey({ key: Buffer.concat([PUBLIC, publicKey]), format: 'der', type: 'spki' })
  return crypto.verify(null, message, key, signature)
}
const bytes = hex => Buffer.from(hex, 'hex')
const done = (resolve, reject) => (error, value) => error ? reject(error) : resolve(value)

const calls = {
  // Starts a node; answers when it has looked for its own neighbourhood.
  start ({ host, port, bootstrap }) {
    return new Promise((resolve, reject) => {
      const dht = new DHT({ bootstrap, verify })
      const peers = new Map()
      dht.on('error', reject)
      dht.on('peer', (peer, infoHash) => {
        const key = infoHash.toString('hex')
        if (!peers.has(key)) peers.set(key, new Set())
        peers.get(key).add(`${peer.host}:${peer.port}`)
      })
      dht.on('ready', () => resolve({ id: dht.nodeId.toString('hex') }))
      dht.listen(port, host)
      nodes.push(dht)
      seen.set(dht, peers)
    })
  },

  table ({ node }) {
    return { nodes: nodes[node].toJSON().nodes.map(n => `${n.host}:${n.port}`) }
  },

  // What this node itself stores.
  stored ({ node }) {
    return { keys: Object.keys(nodes[node].toJSON().values) }
  },

  put ({ node, value, seed, salt, seq, cas }) {
    const options = { v: bytes(value) }
    if (seed) {
      const key = keyOf(bytes(seed))
      Object.assign(options, { k: publicOf(key), seq, sign: message => crypto.sign(null, message, key) })
      if (salt) options.salt = Buffer.from(salt)
      if (cas !== undefined && cas !== null) options.cas = cas
    }
    return new Promise((resolve, reject) => {
      nodes[node].put(options, (error, hash, n) => {
        if (error) return resolve({ refused: error.message, code: error.code ?? null })
        resolve({ key: hash.toString('hex'), stored_at: n })
      })
    })
  },

  async get ({ node, key, salt }) {
    const options = { cache: false, ...(salt ? { salt } : {}) }
    const found = await new Promise((resolve, reject) => nodes[node].get(bytes(key), options, done(resolve, reject)))
    if (!found) return { value: null }
    return { value: Buffer.from(found.v).toString('hex'), seq: found.seq ?? null }
  },

  async announce ({ node, info_hash: infoHash, port }) {
    await new Promise((resolve, reject) => nodes[node].announce(infoHash, port, done(resolve, reject)))
    return {}
  },

  async peers ({ node, info_hash: infoHash }) {
    seen.get(nodes[node]).delete(infoHash)
    await new Promise((resolve, reject) => nodes[node].lookup(infoHash, done(resolve, reject)))
    return { peers: [...(seen.get(nodes[node]).get(infoHash) ?? [])].sort() }
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  let answer
  try {
    const { do: name, ...rest } = JSON.parse(line)
    answer = await calls[name](rest)
  } catch (error) {
    answer = { error: error.message }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
process.exit(0)
