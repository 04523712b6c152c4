// A member of kad over WebSockets, written from docs/kad-ws.md alone: for Node.js (with --experimental-websocket) and for pages.
// The typed values are those of Ulixee's TypeSerializer.

const encoder = new TextEncoder();
const subtle = globalThis.crypto.subtle;

export const join = (...parts) => {
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
};
export const text = (string) => encoder.encode(string);
export const sha256 = async (bytes) => new Uint8Array(await subtle.digest('SHA-256', bytes));
export const random = (n) => globalThis.crypto.getRandomValues(new Uint8Array(n));
export const equal = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
const big = (number, size) => {
  const bytes = new Uint8Array(size);
  for (let i = size - 1, left = BigInt(number); i >= 0; i--, left >>= 8n) bytes[i] = Number(left & 255n);
  return bytes;
};

// -- typed values ---------------------------------------------------------------------------------------------------------

export function serialize(value) {
  return JSON.stringify(value, function (key, plain) {
    const it = this[key]; // before Date's toJSON
    if (it instanceof Uint8Array) return { __type: 'Buffer64', value: btoa(String.fromCharCode(...it)) };
    if (typeof it === 'bigint') return { __type: 'bigint', value: it.toString() };
    if (it instanceof Date) return { __type: 'DateIso', value: it.toISOString() };
    return plain;
  });
}

export function parse(string) {
  return JSON.parse(string, (_, it) => {
    if (it?.__type === 'Buffer64') return Uint8Array.from(atob(it.value), (c) => c.charCodeAt(0));
    if (it?.__type === 'bigint') return BigInt(it.value);
    if (it?.__type === 'DateIso') return new Date(it.value);
    return it;
  });
}

// -- identities: Bech32m (BIP-350) ----------------------------------------------------------------------------------------

const letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';

function checksum(values) {
  const generator = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];
  let c = 1;
  for (const value of values) {
    const top = c >>> 25;
    c = ((c & 0x1ffffff) << 5) ^ value;
    generator.forEach((g, i) => ((top >> i) & 1 ? (c ^= g) : 0));
  }
  return c >>> 0;
}

const prefix = [3, 3, 0, 9, 4]; // of "id"

function regroup(values, from, to, pad) {
  const out = [];
  let held = 0,
    bits = 0;
  for (const value of values) {
    held = ((held << from) | value) & 0xffff;
    bits += from;
    while (bits >= to) out.push((held >> (bits -= to)) & ((1 << to) - 1));
  }
  if (pad && bits) out.push((held << (to - bits)) & ((1 << to) - 1));
  return out;
}

export function formatId(key) {
  const data = regroup(key, 8, 5, true);
  const sum = checksum([...prefix, ...data, 0, 0, 0, 0, 0, 0]) ^ 0x2bc830a3;
  for (let i = 0; i < 6; i++) data.push((sum >>> (5 * (5 - i))) & 31);
  return 'id1' + data.map((value) => letters[value]).join('');
}

export function parseId(id) {
  const values = [...id.slice(3)].map((letter) => letters.indexOf(letter));
  if (!id.startsWith('id1') || values.includes(-1) || checksum([...prefix, ...values]) !== 0x2bc830a3)
    throw new Error('no id: ' + id);
  return Uint8Array.from(regroup(values.slice(0, -6), 5, 8, false)).slice(0, 32);
}

export class Identity {
  static async make() {
    const me = new Identity();
    me.pair = await subtle.generateKey({ name: 'Ed25519' }, true, ['sign', 'verify']);
    me.key = new Uint8Array(await subtle.exportKey('raw', me.pair.publicKey));
    me.id = formatId(me.key);
    return me;
  }

  async sign(purpose, ...parts) {
    const bytes = join(text('kad/1 ' + purpose + '\0'), ...parts);
    return new Uint8Array(await subtle.sign({ name: 'Ed25519' }, this.pair.privateKey, bytes));
  }
}

export async function verify(key, signature, purpose, ...parts) {
  const publicKey = await subtle.importKey('raw', key, { name: 'Ed25519' }, false, ['verify']);
  return subtle.verify({ name: 'Ed25519' }, publicKey, signature, join(text('kad/1 ' + purpose + '\0'), ...parts));
}

// -- a connection ---------------------------------------------------------------------------------------------------------

export class Connection {
  static async open(address) {
    const connection = new Connection();
    connection.host = address;
    connection.waiting = new Map();
    connection.next = 2;
    connection.socket = new WebSocket(`ws://${address}/kad`);
    connection.closed = new Promise((resolve) => (connection.socket.onclose = resolve));
    connection.closed.then(() => {
      for (const { reject } of connection.waiting.values()) reject(new Error('closed'));
      connection.waiting.clear();
    });
    connection.socket.onmessage = ({ data }) => {
      const message = parse(data);
      const waits = connection.waiting.get(message.responseId);
      connection.waiting.delete(message.responseId);
      if (!waits) return;
      if (message.error) waits.reject(Object.assign(new Error(message.error.message), message.error));
      else waits.resolve(message.data);
    };
    await new Promise((resolve, reject) => {
      connection.socket.onopen = resolve;
      connection.socket.onerror = () => reject(new Error('no connection to ' + address));
    });
    return connection;
  }

  ask(command, args, messageId = this.next++) {
    return new Promise((resolve, reject) => {
      if (this.socket.readyState !== 1) return reject(new Error('closed'));
      this.waiting.set(messageId, { resolve, reject });
      this.socket.send(serialize({ messageId, command, args: [args] }));
    });
  }

  signed(role, me, network, host, nonce, answer) {
    return [Uint8Array.of(role, 1, network.length), text(network), me.key, parseId(answer.nodeId), nonce, answer.nonce,
            Uint8Array.of(0, 0, host.length), text(host)];
  }

  // Who is there has to be `expected`, if that is given. `change` lets tests lie.
  async prove(me, { network = 'kad-ws-easy', expected, host = this.host, change = {} } = {}) {
    const nonce = change.nonce ?? random(32);
    const connect = { version: 1, network, host, nodeId: me.id, nonce, ...change.connect };
    const answer = await this.ask('Kad.connect', connect, 0);
    if (expected && answer.nodeId !== expected) throw new Error('somebody else: ' + answer.nodeId);
    const good = await verify(parseId(answer.nodeId), answer.signature, 'ws', ...this.signed(1, me, network, host, nonce, answer));
    if (!good) throw new Error('the server did not sign');
    const signature = change.signature ?? (await me.sign('ws', ...this.signed(2, me, network, host, nonce, answer)));
    await this.ask('Kad.verify', { signature }, 1);
    this.peer = answer.nodeId;
    this.proof = { answer, signature };
    return this;
  }

  close() {
    this.socket.close();
    return this.closed;
  }
}

export const dial = async (address, me, options) => (await Connection.open(address)).prove(me, options);

// -- records --------------------------------------------------------------------------------------------------------------

export async function makeRecord(me, { type, key, value, sequence = 1n, many = false, lifeMs }) {
  const madeAt = new Date();
  const validUntil = new Date(madeAt.getTime() + lifeMs);
  const signature = await me.sign('record', Uint8Array.of(type, many ? 1 : 0), key, big(sequence, 8), big(madeAt.getTime(), 8),
                                  big(validUntil.getTime(), 8), await sha256(value));
  return { class: type, ...(many && { many }), key, publicKey: me.key, sequence, madeAt, validUntil, value, signature };
}

export function checkRecord(record) {
  const flags = (record.many ? 1 : 0) | (record.withdrawn ? 2 : 0);
  return sha256(record.value).then((hash) =>
    verify(record.publicKey, record.signature, 'record', Uint8Array.of(record.class, flags), record.key, big(record.sequence, 8),
           big(record.madeAt.getTime(), 8), big(record.validUntil.getTime(), 8), hash));
}

// -- a lookup -------------------------------------------------------------------------------------------------------------

async function distance(id, target) {
  const place = await sha256(parseId(id));
  return place.reduce((sum, byte, i) => sum * 256n + BigInt(byte ^ target[i]), 0n);
}

// Asks from `first` ("host:port") on whoever is nearest and was not asked, until all who were heard of have answered, or failed.
export async function lookup(me, first, command, args) {
  const target = args.target;
  const found = new Map();
  const asked = new Set();
  const ask = async (address, expected) => {
    const connection = await dial(address, me, { expected });
    asked.add(connection.peer);
    try {
      const data = await connection.ask(command, args);
      for (const contact of data.contacts ?? []) {
        const [where, id] = contact.split('/');
        if (!found.has(id)) found.set(id, { id, where, distance: await distance(id, target) });
      }
      return { id: connection.peer, address, data, distance: await distance(connection.peer, target) };
    } finally {
      await connection.close();
    }
  };
  const answers = [await ask(first)];
  for (;;) {
    const left = [...found.values()].filter(({ id }) => !asked.has(id)).sort((a, b) => (a.distance < b.distance ? -1 : 1));
    if (!left.length) break;
    asked.add(left[0].id);
    try {
      answers.push(await ask(left[0].where, left[0].id));
    } catch (error) {
      if (!/closed|connection/.test(error.message)) throw error;
    }
  }
  return answers.sort((a, b) => (a.distance < b.distance ? -1 : 1));
}
