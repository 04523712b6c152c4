// bittorrent-dht - a host for the npm package, so that it can stand beside kad in a run.
//
//     node bittorrent-dht.js MODULES ADDRESS PORT [BOOTSTRAP:PORT]
//
// Reads infohashes in hex on standard input, one a line, and searches for their peers. Ends with its standard input.
'use strict'

const path = require('path')
const readline = require('readline')
const { pathToFileURL } = require('url')

const [modules, address, port, bootstrap] = process.argv.slice(2)

async function main () {
  const { Client } = await import(pathToFileURL(path.join(modules, 'bittorrent-dht', 'index.js')))
  // Its stores hold 1,000 entries unless told otherwise; a fair memory figure needs all that was announced.
  const dht = new Client({ bootstrap: bootstrap ? [bootstrap] : false, maxTables: 300000, maxValues: 300000, maxPeers: 300000 })

  dht.on('error', error => console.error(String(error)))
  dht.listen(Number(port), address)
  const lines = readline.createInterface({ input: process.stdin })
  lines.on('line', line => { if (/^[0-9a-f]{40}$/.test(line)) dht.lookup(line) })
  lines.on('close', () => process.exit(0))
}

main()
