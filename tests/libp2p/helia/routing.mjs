// Helia's client of the delegated routing against a node of ours: node routing.mjs URL CID PEER; what it got, as JSON.
import { delegatedRoutingV1HttpApiClient } from "@helia/delegated-routing-v1-http-api-client";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { peerIdFromPrivateKey, peerIdFromString } from "@libp2p/peer-id";
import { createIPNSRecord, marshalIPNSRecord, unmarshalIPNSRecord } from "ipns";
import { CID } from "multiformats/cid";

const [url, cid, peer] = process.argv.slice(2);
const components = { logger: { forComponent: () => Object.assign(() => {}, { error: () => {}, trace: () => {} }) } };
const client = delegatedRoutingV1HttpApiClient({ url, cacheTTL: 0 })(components);

async function all(list) {
  const found = [];
  for await (const one of list)
    found.push({ id: peerIdFromString(one.ID.toString()).toString(), addrs: one.Addrs.map(String), schema: one.Schema });
  return found;
}

const answer = {
  providers: await all(client.getProviders(CID.parse(cid))),
  nobody: await all(client.getProviders(CID.parse("bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"))),
  peers: await all(client.getPeers(peerIdFromString(peer).toCID())),
  closest: await all(client.getClosestPeers(CID.parse(cid))),
};

const key = await generateKeyPair("Ed25519");
const name = peerIdFromPrivateKey(key).toCID();
const record = await createIPNSRecord(key, `/ipfs/${cid}`, 7n, 3600 * 1000);
await client.putIPNS(name, marshalIPNSRecord(record));
const back = unmarshalIPNSRecord(await client.getIPNS(name));
answer.ipns = { name: peerIdFromPrivateKey(key).toString(), value: back.value, sequence: Number(back.sequence) };
// Near the 10 KiB that the specification allows; the value stands in it twice.
const longer = await generateKeyPair("Ed25519");
const path = `/ipfs/${cid}/${"x".repeat(4800)}`;
const large = marshalIPNSRecord(await createIPNSRecord(longer, path, 1n, 3600 * 1000));
await client.putIPNS(peerIdFromPrivateKey(longer).toCID(), large);
answer.large = { size: large.length, name: peerIdFromPrivateKey(longer).toString(), path,
  value: unmarshalIPNSRecord(await client.getIPNS(peerIdFromPrivateKey(longer).toCID())).value };
try {
  await client.getIPNS(peerIdFromPrivateKey(await generateKeyPair("Ed25519")).toCID());
} catch (error) {
  answer.unknown = error.name;
}
console.log(JSON.stringify(answer));
