#!/usr/bin/env python3
"""A second reader of the evidence format, written from evidence/FORMAT.md alone, in another language, with its standard library only.
It checks hashes, trees, sessions and the checkpoint's root; not signatures, and not what is encrypted. Prints one line; exits 0 or 1."""
import base64, hashlib, os, sys, zlib

ZERO = bytes(32)


class Lie(Exception):
    pass


def sha(b): return hashlib.sha256(b).digest()
def leaf_hash(b): return sha(b"\0" + b)


def root(hashes):  # RFC 6962 section 2.1
    if not hashes: return sha(b"")
    if len(hashes) == 1: return hashes[0]
    k = 1
    while k * 2 < len(hashes): k *= 2
    return sha(b"\1" + root(hashes[:k]) + root(hashes[k:]))


def frontier(hashes):
    out, at = [], 0
    while at < len(hashes):
        k = 1
        while k * 2 <= len(hashes) - at: k *= 2
        out.append(root(hashes[at:at + k]))
        at += k
    return out


def item(b, at, depth=0):
    """One deterministic CBOR item; answers it and where the next begins."""
    if depth > 8 or at >= len(b): raise Lie("CBOR too deep or truncated")
    major, low = b[at] >> 5, b[at] & 31
    at += 1
    if major > 5: raise Lie("CBOR outside the format")
    if low < 24: n = low
    elif low < 28:
        size = 1 << (low - 24)
        n = int.from_bytes(b[at:at + size], "big")
        if at + size > len(b) or n < (24, 1 << 8, 1 << 16, 1 << 32)[low - 24]: raise Lie("CBOR not in its shortest form")
        at += size
    else: raise Lie("indefinite CBOR")
    if major == 0: return n, at
    if major in (2, 3):
        if at + n > len(b): raise Lie("CBOR truncated")
        raw = b[at:at + n]
        return (raw if major == 2 else raw.decode("utf-8", "strict")), at + n
    if major == 4:
        values = []
        for _ in range(n):
            value, at = item(b, at, depth + 1)
            values.append(value)
        return values, at
    if major == 5:
        values, last = {}, -1
        for _ in range(n):
            key, at = item(b, at, depth + 1)
            if not isinstance(key, int) or key <= last: raise Lie("CBOR map keys")
            values[key], at = item(b, at, depth + 1)
            last = key
        return values, at
    raise Lie("negative integer")


def sequence(b):
    at = 0
    while at < len(b):
        start = at
        value, at = item(b, at)
        yield value, b[start:at]


def git_object(repo, oid):
    with open(os.path.join(repo, "objects", oid[:2], oid[2:]), "rb") as f: raw = zlib.decompress(f.read())
    return raw.split(b"\0", 1)[1]


def git_tree(repo, oid):
    raw, out = git_object(repo, oid), {}
    while raw:
        head, rest = raw.split(b"\0", 1)
        out[head.split(b" ", 1)[1].decode()] = rest[:20].hex()
        raw = rest[20:]
    return out


def read_log(directory):
    repo = os.path.join(directory, "log.git")
    with open(os.path.join(repo, "refs", "heads", "main")) as f: commit = git_object(repo, f.read().strip())
    top = git_tree(repo, commit.split(b"\n", 1)[0].split(b" ")[1].decode())
    note = git_object(repo, top["checkpoint"]).decode()
    if not commit.decode().endswith("\n\n" + note): raise Lie("the commit's message does not hold the checkpoint")
    size, want = int(note.split("\n")[1]), base64.b64decode(note.split("\n")[2])
    folders = {name: git_tree(repo, oid) for name, oid in git_tree(repo, top["leaf"]).items()}
    leaves = [git_object(repo, folders["%02x" % (i % 256)][str(i)]) for i in range(size)]
    if sum(map(len, folders.values())) != size: raise Lie("more leaves than the checkpoint has")
    if root([leaf_hash(l) for l in leaves]) != want: raise Lie("the checkpoint's root is not that of the leaves")
    return leaves


def stored(directory, kind, name):
    path = os.path.join(directory, "store", kind, name.hex()[:2], name.hex() + ".cborseq")
    if not os.path.exists(path) and name == sha(b""): return b""
    with open(path, "rb") as f: b = f.read()
    if sha(b) != name: raise Lie("%s is not what its name says" % path)
    return b


def check_frame(frame, raw, sessions, opened, place):
    sid, seq, kind = frame[2], frame[3], frame[5]
    where = "%s, session %s/%d" % (place, sid.hex(), seq)
    if seq == 0:
        if kind not in (0, 1) or sid in sessions: raise Lie(where + ": does not open a session")
        sessions[sid] = {"hashes": [], "epoch": frame[13][1], "ordinal": frame[13][2], "intents": {}, "closed": False}
        opened.setdefault(frame[13][1], set()).add(frame[13][2])
    s = sessions.get(sid)
    if s is None or s["closed"] or seq != len(s["hashes"]): raise Lie(where + ": seq")
    if frame[6] != (s["hashes"][-1] if s["hashes"] else ZERO): raise Lie(where + ": previous")
    if kind == 2: s["intents"][seq] = False
    if 12 in frame and frame[12] not in s["intents"]: raise Lie(where + ": ref")
    if kind in (3, 4, 5) and s["intents"][frame[12]]: raise Lie(where + ": after the outcome")
    if kind == 5: s["intents"][frame[12]] = True
    if kind == 13:
        if frame[13][1] != seq or frame[13][2] != root(s["hashes"]): raise Lie(where + ": close")
        s["closed"] = True
    s["hashes"].append(leaf_hash(raw))


def main(directory):
    previous, sessions, opened, frames = ZERO, {}, {}, 0
    leaves = read_log(directory)
    for i, raw in enumerate(leaves):
        batch, place = next(sequence(raw))[0], "batch %d" % i
        if batch[6] != previous: raise Lie(place + ": previous")
        previous = leaf_hash(raw)
        hashes, touched = [], {}
        for frame, bytes_ in sequence(stored(directory, "leaves", batch[11])):
            touched.setdefault(frame[2], frame[3])
            check_frame(frame, bytes_, sessions, opened, place)
            hashes.append(leaf_hash(bytes_))
        if len(hashes) != batch[8] or root(hashes) != batch[7]: raise Lie(place + ": frame tree")
        if opened.get(batch[3], set()) != set(range(batch[10])): raise Lie(place + ": ordinals")
        rows = [row for row, _ in sequence(stored(directory, "index", batch[12]))]
        if [row[1] for row in rows] != sorted(touched): raise Lie(place + ": session index")
        for row in rows:
            s = sessions[row[1]]
            n = len(s["hashes"])
            want = {1: row[1], 2: s["epoch"], 3: touched[row[1]], 4: n - 1, 5: n, 6: root(s["hashes"]), 7: frontier(s["hashes"]), 8: int(s["closed"]), 9: s["ordinal"]}
            if row != want: raise Lie(place + ": row of session " + row[1].hex())
        frames += len(hashes)
    print("%d batches, %d frames, %d sessions" % (len(leaves), frames, len(sessions)))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (Lie, OSError, KeyError, IndexError, ValueError, TypeError, AttributeError, StopIteration, zlib.error) as lie:
        print("false: %s: %s" % (type(lie).__name__, lie))
        sys.exit(1)
