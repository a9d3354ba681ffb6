// A small bundle to start from: tar and gzip by hand, since the reader under test is the only one we have.
import { gzipSync } from 'node:zlib'

export function bundleSeed(): Uint8Array {
  const manifest = Buffer.from(`{"revision":"r","roots":[""],"wasm":[{"entrypoint":"a/b","module":"/policy.wasm"}],"metadata":{"serial":1,"inputs":{"a/b":[["x"]]},"source_digest":"${'0'.repeat(64)}","compiler_digest":"${'0'.repeat(64)}"}}`)
  return gzipSync(Buffer.concat([entry('/.manifest', manifest), entry('/data.json', Buffer.from('{}')), entry('/policy.wasm', Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])), Buffer.alloc(1024)]))
}

function entry(name: string, content: Uint8Array): Buffer {
  const header = Buffer.alloc(512)
  header.write(name, 0)
  header.write('0000600\0', 100)
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124)
  header.write('        ', 148)
  header.write('0', 156)
  header.write('ustar\u000000', 257)
  header.write(`${[...header].reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148)
  return Buffer.concat([header, content, Buffer.alloc((512 - content.length % 512) % 512)])
}
