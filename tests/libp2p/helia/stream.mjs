// Helia's client of the delegated routing: node stream.mjs URL CID; the id of each provider on a line, as it comes.
import { delegatedRoutingV1HttpApiClient } from "@helia/delegated-routing-v1-http-api-client";
import { peerIdFromString } from "@libp2p/peer-id";
import { CID } from "multiformats/cid";

const [url, cid] = process.argv.slice(2);
const components = { logger: { forComponent: () => Object.assign(() => {}, { error: () => {}, trace: () => {} }) } };
const client = delegatedRoutingV1HttpApiClient({ url, cacheTTL: 0 })(components);

for await (const one of client.getProviders(CID.parse(cid)))
  console.log(peerIdFromString(one.ID.toString()).toString());
