// The log as static files for readers that are not ours (C2SP tlog-tiles v0.1.0). Git keeps each entry once; tiles are derived from it.
import { nodeHash } from './hash.ts'

/** Hashes in a full tile, entries in a full bundle: 2^8. */
export const tileWidth = 256
/** The big-endian uint16 before an entry. */
export const maxEntryBytes = 65_535

export interface LogFile { readonly path: string; readonly bytes: Uint8Array }

/** `tile/<L>/<N>[.p/<W>]`: every level, full tiles and the partial one at its end; none is empty. */
export function* hashTiles(leafHashes: readonly Uint8Array[]): Generator<LogFile> {
  let level: readonly Uint8Array[] = leafHashes
  for (let height = 0; level.length > 0; height++) {
    for (let start = 0; start < level.length; start += tileWidth) {
      const hashes = level.slice(start, start + tileWidth)
      yield { path: `tile/${height}/${tileName(start / tileWidth, hashes.length)}`, bytes: Buffer.concat(hashes) }
    }
    level = fullTileRoots(level)
  }
}

/** `tile/entries/<N>[.p/<W>]`: entries, each behind its length as a big-endian uint16. */
export function* entryBundles(entries: readonly Uint8Array[]): Generator<LogFile> {
  for (let start = 0; start < entries.length; start += tileWidth) {
    const bundle = entries.slice(start, start + tileWidth)
    yield { path: `tile/entries/${tileName(start / tileWidth, bundle.length)}`, bytes: Buffer.concat(bundle.flatMap((entry) => [uint16(entry.length), entry])) }
  }
}

// A hash on level L + 1 is the root of a *full* tile on level L.
function fullTileRoots(level: readonly Uint8Array[]): Uint8Array[] {
  const roots: Uint8Array[] = []
  for (let start = 0; start + tileWidth <= level.length; start += tileWidth) {
    let row = level.slice(start, start + tileWidth)
    while (row.length > 1) row = pairs(row)
    roots.push(row[0] as Uint8Array)
  }
  return roots
}

function pairs(row: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = []
  for (let i = 0; i + 1 < row.length; i += 2) above.push(nodeHash(row[i] as Uint8Array, row[i + 1] as Uint8Array))
  return above
}

/** 1234067 → `x001/x234/067`; a partial tile of 5 hashes → `x001/x234/067.p/5`. */
export function tileName(index: number, width: number = tileWidth): string {
  const groups = [String(index % 1000).padStart(3, '0')]
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`)
  return groups.join('/') + (width < tileWidth ? `.p/${width}` : '')
}

function uint16(value: number): Uint8Array {
  if (value > maxEntryBytes) throw new RangeError(`an entry of ${value} bytes does not fit a bundle`)
  return Buffer.of(value >> 8, value & 0xff)
}
