#!/usr/bin/env python3
"""Verifies an export of OC Pizza-Manager's log. Needs only Python 3.8 or later with its standard library.

    python3 verify.py EXPORT [--public-key KEY]… [--head FILE]…

EXPORT is the events file (jsonl or csv); EXPORT.proof.json and EXPORT.tree.jsonl are beside it. KEY is the public key
published by the operator, or a file with it. Without KEY the export's own key is used, which shows only that the export
agrees with itself. FILE holds heads published earlier: the log must have grown from them.

Exit codes: 0 no error, 1 an error, which is named, 2 wrong usage. docs/audit.md describes the files. This program shares
no code with `ocpizza-manager audit verify --offline`, and agrees with it.
"""
import argparse
import base64
import binascii
import csv
import datetime
import hashlib
import json
import os
import re
import struct
import sys

COLUMNS = ["position", "aggregate_type", "aggregate_id", "sequence", "event_type", "event_version", "recorded_at",
           "payload", "metadata", "leaf_hash"]
FIELDS = ["form", "format", "log_id", "head", "public_key", "from", "to", "streams", "types", "sealed", "unsealed",
          "events_sha256", "tree_sha256", "checksum"]
# Events of these types may lack their payload while its delivery code is valid.
REDACTED = ("OrderPlaced", "DeliveryScheduled")
EPOCH = datetime.datetime(1970, 1, 1)


class Wrong(Exception):
    """An error of the export, as a message."""


# Ed25519 as in RFC 8032, section 5.1. Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def point_add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def point_times(s, p):
    q = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            q = point_add(q, p)
        p = point_add(p, p)
        s >>= 1
    return q


def point_equal(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def point_of(encoded):
    """Decodes a point from 32 bytes; None if they are invalid."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if len(encoded) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def has_signed(key, message, signature):
    """Verifies a signature (64 bytes) over a message with a public key (32 bytes)."""
    a, r, s = point_of(key), point_of(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or len(signature) != 64 or s >= L:
        return False
    # Keys and points of small order: their signatures can be forged.
    if any(point_equal(point_times(8, point), (0, 1, 1, 0)) for point in (a, r)):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    return point_equal(point_times(s, BASE), point_add(r, point_times(h, a)))


# Signed heads: a C2SP checkpoint (name, size, root, time) as a signed note.

def decode(text):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def encode(data):
    return base64.b64encode(data).decode()


class Key:
    """A public key, written <name of the log>+<key id>+<base64 of 1 and the key>."""

    def __init__(self, text):
        self.name, _, rest = text.strip().partition("+")
        self.id, _, data = rest.partition("+")
        data = decode(data)
        self.bytes = data[1:]
        digest = hashlib.sha256(self.name.encode() + b"\n" + data).digest()
        if data[:1] != b"\x01" or point_of(self.bytes) is None or digest[:4].hex() != self.id:
            raise ValueError("not a public key")


class Head:
    """A signed head, parsed from its note."""

    def __init__(self, note):
        self.body, _, signature = note.partition("\n\n")
        self.body += "\n"
        lines = self.body.splitlines()
        if len(lines) not in (4, 6) or not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]) or len(decode(lines[2])) != 32:
            raise ValueError("not a signed head")
        self.name, self.size, self.root, self.signed_at = lines[0], int(lines[1]), decode(lines[2]), lines[3]
        self.resumes = self.resumed_root = self.reason = None
        if len(lines) == 6:
            resumes = re.fullmatch(r"resumes (0|[1-9][0-9]{0,18}) (-|[A-Za-z0-9+/]{43}=)", lines[4])
            if not resumes or not lines[5].startswith("reason "):
                raise ValueError("not a signed head")
            self.resumes, self.reason = int(resumes[1]), lines[5][len("reason "):]
            self.resumed_root = None if resumes[2] == "-" else decode(resumes[2])
        self.signature = b""
        for line in signature.splitlines():
            if line.startswith("\u2014 " + self.name + " ") and not self.signature:
                self.signature = decode(line[len(self.name) + 3:])
        if len(self.signature) != 68:
            raise ValueError("not a signed head")
        self.note = self.body + "\n\u2014 " + self.name + " " + encode(self.signature) + "\n"

    def gives_up(self, other):
        """Whether this is a resumption that gave up the other head: the operator resumed the tree before it."""
        return (self.resumes is not None and self.size < other.size <= self.resumes
                and other.signed_at <= self.signed_at
                and (other.size < self.resumes or self.resumed_root in (None, other.root)))

    def is_signed_by(self, key):
        return (self.name == key.name and self.signature[:4].hex() == key.id
                and has_signed(key.bytes, self.body.encode(), self.signature[4:]))


# The tree of RFC 6962, as the complete subtrees that cover it from left to right.

def leaf_hash(row):
    """SHA-256 of a zero byte and the leaf: numbers in 8 bytes, texts as length in 4 bytes and UTF-8."""
    def text(name):
        data = row[name].encode()
        return struct.pack(">I", len(data)) + data
    at = datetime.datetime.strptime(row["recorded_at"], "%Y-%m-%dT%H:%M:%S.%fZ")
    if at.isoformat(timespec="microseconds") + "Z" != row["recorded_at"]:
        raise ValueError("not an instant")
    leaf = (struct.pack(">q", row["position"]) + text("aggregate_type") + text("aggregate_id")
            + struct.pack(">q", row["sequence"]) + text("event_type") + text("event_version")
            + struct.pack(">q", (at - EPOCH) // datetime.timedelta(microseconds=1)) + text("payload")
            + text("metadata"))
    return hashlib.sha256(b"\0" + leaf).digest()


class Range:
    """Consecutive subtrees, each a (start, size, hash), joined as far as they go."""

    def __init__(self):
        self.parts = []

    def push(self, start, size, hashed):
        while self.parts and self.parts[-1][1] == size and self.parts[-1][0] % (2 * size) == 0:
            start, _, left = self.parts.pop()
            size, hashed = 2 * size, hashlib.sha256(b"\1" + left + hashed).digest()
        self.parts.append((start, size, hashed))

    def end(self):
        return self.parts[-1][0] + self.parts[-1][1] if self.parts else 0

    def root(self):
        if not self.parts:
            return hashlib.sha256().digest()
        root = self.parts[-1][2]
        for _, _, left in reversed(self.parts[:-1]):
            root = hashlib.sha256(b"\1" + left + root).digest()
        return root


# The files.

def pairs(found):
    """Returns an object's fields; duplicates are an error."""
    if len(dict(found)) != len(found):
        raise ValueError("a field is there twice")
    return dict(found)


def rows_of(path, form):
    """Yields the rows, each with its number."""
    with open(path, encoding="utf-8", newline="") as file:
        if form == "jsonl":
            raw = (json.loads(line, object_pairs_hook=pairs) for line in iter(file.readline, ""))
        else:
            csv.field_size_limit(2**31 - 1)
            records = csv.reader(file, strict=True)
            if next(records, None) != COLUMNS:
                raise Wrong("the file of the events is not one of an export as csv")
            raw = (dict(zip(COLUMNS, record)) if len(record) == len(COLUMNS) else {} for record in records)
        n = 0
        while True:
            n += 1
            try:
                row = next(raw)
                if form == "csv":
                    for name in ("position", "sequence"):
                        if not re.fullmatch(r"-?[0-9]{1,19}", row[name]):
                            raise ValueError("not a number")
                        row[name] = int(row[name])
                numbers = all(type(row[name]) is int for name in ("position", "sequence"))
                texts = all(type(row[name]) is str for name in COLUMNS if name not in ("position", "sequence"))
                if sorted(row) != sorted(COLUMNS) or not numbers or not texts:
                    raise ValueError("not a row")
            except StopIteration:
                return
            except (ValueError, KeyError, TypeError, AttributeError, csv.Error, RecursionError):
                raise Wrong(f"row {n} is not an event") from None
            yield n, row


def tree_of(path):
    """Yields the parts of the tree: line number, start, size, hash, and whether it is exported."""
    with open(path, "rb") as file:
        for n, line in enumerate(file, 1):
            try:
                part = json.loads(line, object_pairs_hook=pairs)
                start, size = part["from"] - 1, part["to"] - part["from"] + 1
                hashed, exported = decode(part["hash"]), part["exported"]
                if (len(part) != 4 or type(part["from"]) is not int or type(part["to"]) is not int or len(hashed) != 32
                        or type(exported) is not bool or start < 0 or size < 1 or size & (size - 1) or start % size):
                    raise ValueError("not a subtree")
            except (ValueError, KeyError, TypeError, RecursionError):
                raise Wrong(f"line {n} of the tree is damaged") from None
            yield n, start, size, hashed, exported


def proof_of(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        proof = json.loads(data, object_pairs_hook=pairs)
        body = data.replace((',\n  "checksum": "%s"' % proof["checksum"]).encode(), b"")
        numbers = all(type(proof[name]) is int and 0 <= proof[name] < 2**64
                      for name in ("from", "to", "sealed", "unsealed"))
        lists = [proof["streams"], proof["types"]]
        texts = [proof["log_id"], proof["head"], proof["public_key"], *lists[0], *lists[1]]
        if (sorted(proof) != sorted(FIELDS) or not numbers or proof["form"] != "ocpizza-manager-export/1"
                or any(type(each) is not list for each in lists) or any(type(text) is not str for text in texts)
                or proof["format"] not in ("jsonl", "csv", "parquet")
                or proof["checksum"] != hashlib.sha256(body).hexdigest()):
            raise ValueError("not a proof")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Wrong("the proof is damaged, or of another form") from None
    if proof["format"] == "parquet":
        raise Wrong("this program reads jsonl and csv; for parquet there is ocpizza-manager audit verify --offline")
    return proof


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(2**20), b""):
            digest.update(part)
    return digest.hexdigest()


# The verification.

class Reader:
    """Reads the events of the export in order."""

    def __init__(self, rows, proof):
        self.rows, self.proof = rows, proof
        self.read = self.last = self.redacted = 0
        self.sequence = None

    def selects(self, row):
        streams, types = self.proof["streams"], self.proof["types"]
        names = (row["aggregate_type"], row["aggregate_type"] + ":" + row["aggregate_id"])
        return ((not streams or any(name in streams for name in names))
                and (not types or row["event_type"] in types))

    def leaf(self, position):
        """Returns the hash of the next event: the one at `position`, or with None any after the last."""
        try:
            n, row = next(self.rows)
        except StopIteration:
            raise Wrong("the events end before " + (f"position {position}" if position else
                                                    "the last that the proof speaks of")) from None
        self.read = n
        at = row["position"]
        if at <= self.last or position not in (None, at):
            raise Wrong(f"row {n}: position {at} where {position or self.last + 1} must be")
        self.last = at
        place = f"row {n}, position {at}"
        try:
            if not row["payload"] and row["event_type"] in REDACTED:
                # Without its payload the row proves only the place of its hash in the tree.
                hashed = decode(row["leaf_hash"])
                if len(hashed) != 32:
                    raise ValueError("not a hash")
                self.redacted += 1
            else:
                hashed = leaf_hash(row)
        except (ValueError, struct.error):
            hashed = b""
        if encode(hashed) != row["leaf_hash"]:
            raise Wrong(f"{place}: the event is not the one that was exported")
        if not self.selects(row):
            raise Wrong(f"{place}: the event is none of those that the proof speaks of")
        if self.proof["streams"] == [row["aggregate_type"] + ":" + row["aggregate_id"]] and not self.proof["types"]:
            if self.sequence not in (None, row["sequence"] - 1):
                raise Wrong(f"{place}: an event of the stream is missing before sequence {row['sequence']}")
            self.sequence = row["sequence"]
        return hashed

    def unsealed(self, size):
        """Reads the unsealed events, after which the file must end."""
        proof, count = self.proof, self.proof["unsealed"]
        first = max(proof["from"], size + 1)
        self.last = first - 1
        for n in range(count):
            self.leaf(first + n if is_whole(proof) else None)
            if self.last > proof["to"]:
                raise Wrong(f"row {self.read}: more events than the proof speaks of")
        there = max(0, proof["to"] - first + 1)
        if is_whole(proof) and count != there:
            raise Wrong(f"the proof speaks of {count} unsealed events, and there are {there}")
        if next(self.rows, None) is not None:
            raise Wrong(f"row {self.read + 1}: more events than the proof speaks of")


def is_whole(proof):
    return not proof["streams"] and not proof["types"]


def is_as_said(proof, size, first, last, exported):
    start, end = proof["from"], min(proof["to"], size)
    if exported:
        return start <= first and last <= end
    return last < start or end < first or not is_whole(proof)


def walk(path, proof, head, earlier):
    """Walks along the tree: exported events are hashed again, other hashes are taken from the proof."""
    reader = Reader(rows_of(path, proof["format"]), proof)
    tree = Range()
    earlier = list(earlier)

    def push(start, size, hashed):
        tree.push(start, size, hashed)
        while earlier and earlier[0].size <= tree.end():
            known = earlier.pop(0)
            if known.size < tree.end():
                raise Wrong(f"the published head of {known.size} events ends among events that are not exported: "
                            "export with --head to compare")
            if known.root != tree.root():
                raise Wrong(f"the published head of {known.size} events is not one of this log: the events up to "
                            "there were others")

    for line, start, size, hashed, exported in tree_of(path + ".tree.jsonl"):
        first, last = start + 1, start + size
        if start != tree.end() or last > head.size:
            raise Wrong(f"line {line} of the tree is not the next part of it")
        if not is_as_said(proof, head.size, first, last, exported):
            raise Wrong(f"line {line} of the tree: positions {first} to {last} are not as the proof says")
        if not exported:
            push(start, size, hashed)
            continue
        block = Range()
        for position in range(first, last + 1):
            leaf = reader.leaf(position)
            block.push(position - 1, 1, leaf)
            push(position - 1, 1, leaf)
        if block.root() != hashed:
            raise Wrong(f"positions {first} to {last}: the events are not those whose hash is in the tree")
    if tree.end() != head.size:
        raise Wrong(f"the tree ends at position {tree.end()} of {head.size}")
    if tree.root() != head.root:
        raise Wrong("the events and the tree do not lead to the signed head")
    sealed = reader.read
    reader.unsealed(head.size)
    if sealed != proof["sealed"]:
        raise Wrong(f"the proof speaks of {proof['sealed']} sealed events, and there are {sealed}")
    return reader.redacted


def verify(path, given, heads):
    """Yields the lines of the report; raises the first error."""
    proof = proof_of(path + ".proof.json")
    try:
        head = Head(proof["head"])
        if head.note != proof["head"]:
            raise ValueError("not the note alone")
    except ValueError:
        raise Wrong("the proof has no signed head") from None
    log = head.name[len("ocpizza-manager/"):]
    if log != proof["log_id"]:
        raise Wrong(f"the log is {proof['log_id']} by the proof and {log} by its head")
    try:
        own = Key(proof["public_key"])
    except ValueError:
        raise Wrong("the proof has no public key") from None
    keys = given or [own]
    if all((key.name, key.bytes) != (own.name, own.bytes) for key in keys):
        raise Wrong(f"the export's key is {own.id}, which is not one that was given")
    if not head.is_signed_by(own):
        raise Wrong(f"the head is not signed with the key {own.id}")
    for known in heads:
        if not any(known.is_signed_by(key) for key in keys if key.name == own.name):
            raise Wrong(f"the published head of {known.size} events is not one of this log with a key that is trusted")
        if known.size > head.size and not any(each.gives_up(known) for each in heads):
            raise Wrong(f"the published head has {known.size} events, and the export's {head.size}: it is older, or "
                        "its end was cut off")
    resumptions = [known for known in heads if known.resumes is not None]
    given_up = [known for known in heads if any(each.gives_up(known) for each in resumptions)]
    heads = sorted((known for known in heads if known.size and known not in given_up), key=lambda known: known.size)
    redacted = walk(path, proof, head, heads)
    for name, file in (("events", path), ("tree", path + ".tree.jsonl")):
        if sha256_of(file) != proof[name + "_sha256"]:
            raise Wrong(f"the file of the {name} has other bytes than the one that was exported")
    yield f"log       {log}"
    yield f"head      {head.size} events, signed at {head.signed_at} with the key {own.id}"
    yield "key       " + ("the one that was given" if given else "the export's own: shows only that the export agrees "
                          "with itself; --public-key shows whose it is")
    for known in heads:
        yield f"published the head of {known.size} events is one of this log"
    for known in resumptions:
        yield (f"resumed   behind position {known.size}, heads up to {known.resumes} events were given up: "
               f"{known.reason}")
    for known in given_up:
        yield f"given up  the published head of {known.size} events is not compared"
    place = f"positions {proof['from']} to {min(proof['to'], head.size)}"
    if is_whole(proof):
        yield f"sealed    {proof['sealed']} events, all of {place}: none altered, none missing"
    else:
        of = ", ".join(proof["streams"] + proof["types"])
        yield (f"sealed    {proof['sealed']} events of {of} at {place}: none altered; only an export without --stream "
               "and --type shows that none is missing")
    if redacted:
        yield (f"redacted  {redacted} events are without payload, their hash is taken as given: what their rows say is not "
               "proven; each held the code of a delivery that was not over")
    if proof["unsealed"]:
        yield f"unsealed  {proof['unsealed']} events behind the head: nothing proves them yet"


def key_in(text):
    """Returns a public key, given as text or as a file."""
    if os.path.exists(text):
        with open(text, encoding="utf-8") as file:
            text = file.read()
    return Key(text)


def heads_in(path):
    """Returns the heads in a file, in order."""
    with open(path, encoding="utf-8") as file:
        text = file.read().strip("\n") + "\n"
    notes = re.split(r"^(?=ocpizza-manager/)", text, flags=re.MULTILINE)
    return [Head(note.rstrip("\n") + "\n") for note in notes if note]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", metavar="EXPORT")
    parser.add_argument("--public-key", metavar="KEY", action="append", default=[])
    parser.add_argument("--head", metavar="FILE", action="append", default=[])
    args = parser.parse_args()
    try:
        keys = [key_in(text) for text in args.public_key]
        heads = [head for path in args.head for head in heads_in(path)]
    except (OSError, ValueError) as error:
        parser.error(str(error))
    try:
        for line in list(verify(args.export, keys, heads)):
            print(line)
    except OSError as error:
        sys.exit(f"verify.py: cannot read {error.filename}: {error.strerror}")
    except UnicodeDecodeError:
        sys.exit("verify.py: the file of the events is not text")
    except Wrong as wrong:
        sys.exit(f"verify.py: {wrong}")


if __name__ == "__main__":
    main()
