// What npm's @ulixee/crypto says of identities: one request as JSON on standard input, one answer on standard output.
//   {do: "create"}                                    {identity, pem}
//   {do: "load", pem, passphrase?}                    {identity, pem}      pem: as it exports it, sealed if a passphrase was given
//   {do: "bytes", identity}                           {hex} or {refused}
//   {do: "sign", pem, message}                        {signature}          hexadecimal
//   {do: "verify", identity, message, signature}      {good}
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(import.meta.url);
const Identity = require('@ulixee/crypto/lib/Identity').default;
const hex = (text) => Buffer.from(text, 'hex');
const request = JSON.parse(readFileSync(0, 'utf8'));

const actions = {
  async create() {
    const identity = await Identity.create();
    return { identity: identity.bech32, pem: identity.export() };
  },
  load() {
    const identity = Identity.loadFromPem(request.pem, { keyPassphrase: request.passphrase });
    return { identity: identity.bech32, pem: identity.export(request.passphrase) };
  },
  bytes() {
    try {
      return { hex: Identity.getBytes(request.identity).toString('hex') };
    } catch (error) {
      return { refused: String(error) };
    }
  },
  sign() {
    return { signature: Identity.loadFromPem(request.pem).sign(hex(request.message)).toString('hex') };
  },
  verify() {
    return { good: Identity.verify(request.identity, hex(request.message), hex(request.signature)) };
  },
};

console.log(JSON.stringify(await actions[request.do]()));
