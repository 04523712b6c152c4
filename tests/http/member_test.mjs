// What test_kad_ws.py runs: member_test.mjs HOST:PORT ID N RELAY. Prints what it found as JSON.
import assert from 'node:assert/strict';
import net from 'node:net';
import { createRequire } from 'node:module';
import { Connection, Identity, checkRecord, dial, equal, formatId, lookup, makeRecord, parse, parseId, random, serialize, sha256,
         text } from './member.mjs';

const [address, serverId, n] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const me = await Identity.make();
const refused = (promise, why) => assert.rejects(promise, (error) => why.test(error.message) || assert.fail(error));

// -- the texts of identities, and typed values, are those of others
const sample = 'id1xv7empyzlwuvlshs2vlf9eruf72jeesr8yxrrd3esusj75qsr6jqj6dv3p';
assert.equal(formatId(parseId(sample)), sample);
const values = { bytes: random(40), number: 2n ** 62n, time: new Date() };
assert.deepEqual(parse(serialize(values)), values);
const TypeSerializer = createRequire(import.meta.url)('@ulixee/commons/lib/TypeSerializer').default;
const buffers = { ...values, bytes: Buffer.from(values.bytes) };
assert.equal(TypeSerializer.stringify(buffers), serialize(values));
assert.deepEqual(TypeSerializer.parse(serialize(values)), buffers);

// -- who is there, and who is not
const connection = await dial(address, me, { expected: serverId });
assert.equal(connection.peer, serverId);
const ping = await connection.ask('Kad.ping', {});
assert.match(ping.yourAddress, /^127\./);
await refused((async () => (await Connection.open(address)).prove(me, { expected: me.id }))(), /somebody else/);
await refused((async () => (await Connection.open(address)).prove(me, { network: 'kad' }))(), /network/);
const other = await Identity.make();
const liar = Object.assign(await Identity.make(), { pair: other.pair });
await refused((async () => (await Connection.open(address)).prove(liar))(), /signature|closed/);
// An old handshake: the same nonce and the same signature.
const recorded = connection.proof.signature;
await refused((async () => (await Connection.open(address)).prove(me, { change: { signature: recorded } }))(), /signature/);
// Nobody who has not proved who he is gets an answer to anything else.
await refused((async () => (await Connection.open(address)).ask('Kad.ping', {}))(), /Kad.connect comes first/);
// A handshake that somebody else passes on was made for his address.
const relay = net.createServer((near) => {
  const [host, port] = [address.slice(0, address.lastIndexOf(':')), Number(address.slice(address.lastIndexOf(':') + 1))];
  const far = net.connect(port, host);
  near.pipe(far).pipe(near);
  for (const end of [near, far]) end.on('error', () => (near.destroy(), far.destroy()));
});
await new Promise((resolve) => relay.listen(0, '127.0.0.1', resolve));
await refused(dial(`127.0.0.1:${relay.address().port}`, me), /host: that is not here/);
relay.close();

// -- what is not understood is answered, and the connection stays
await refused(connection.ask('Kad.fly', {}), /command/);
await refused(connection.ask('Kad.findNode', { target: random(31) }), /target/);
await refused(connection.ask('Kad.ping', { more: 1 }), /does not belong/);
assert.ok(await connection.ask('Kad.ping', {}));

// -- a lookup finds them all, and in the order that they themselves have
const target = random(32);
const nodes = await lookup(me, address, 'Kad.findNode', { target });
assert.equal(nodes.length, n, 'found ' + nodes.length);

// -- put and get
const key = await sha256(text('a key'));
const record = await makeRecord(me, { type: 4, key, value: random(300), lifeMs: 3600e3 });
let stored = 0;
for (const holder of await lookup(me, address, 'Kad.get', { target: key })) {
  const to = await dial(holder.address, me, { expected: holder.id });
  const { token } = await to.ask('Kad.get', { target: key });
  const { receipt } = await to.ask('Kad.put', { record, token, wantsReceipt: true });
  assert.equal(receipt.kind, 1);
  await refused(to.ask('Kad.put', { record: { ...record, value: random(300) }, token }), /refused|signature|invalid/i);
  await refused(to.ask('Kad.put', { record, token: random(8) }), /./);
  stored++;
  await to.close();
}
assert.equal(stored, n);
const { records } = await connection.ask('Kad.get', { target: key });
assert.ok(equal(records[0].value, record.value) && (await checkRecord(records[0])));
assert.equal(records[0].sequence, 1n);

// -- provide on one, find on another
const content = await sha256(text('content'));
const providers = [me, other];
for (const provider of providers) {
  const to = await dial(nodes[0].address, provider, { expected: nodes[0].id });
  const { token } = await to.ask('Kad.findProviders', { target: content });
  await to.ask('Kad.provide', { token, record: await makeRecord(provider, { type: 8, many: true, key: content,
                                                                             value: text('192.0.2.1:80'), lifeMs: 3600e3 }) });
  await to.close();
}
const answers = await lookup(await Identity.make(), nodes[n - 1].address, 'Kad.findProviders', { target: content });
const found = answers.flatMap(({ data }) => data.records ?? []);
assert.equal(found.length, providers.length);
for (const one of found) assert.ok(await checkRecord(one));

await connection.close();
console.log(JSON.stringify({ nodes: nodes.map(({ id }) => id), stored, providers: found.length }));
process.exit(0);
