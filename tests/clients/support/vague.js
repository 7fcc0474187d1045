// Words that never help in a description of the schema.
import { Kind, parse, visit } from 'graphql';

/** Each with what to write instead. */
const VAGUE = [
  [/\b(no|some|any|every)(body|one)\b|\bwhoever\b/i, 'name the caller, the client or the component'],
  [/\bnone\b/i, 'write `null` or "not set"'],
  [/\bwho asks\b|\bthose who\b/i, 'write "the caller"'],
  [/\bso (many|much)\b/i, 'give the number, such as "the first `n` items"'],
];

/** `Type.field: "word": what to write` for each such word outside code. */
export function vagueWords(sdl) {
  const found = [];
  visit(parse(sdl), {
    [Kind.STRING](node, key, parent, _path, ancestors) {
      if (key !== 'description') {
        return;
      }
      const place = [...ancestors, parent].flatMap(({ name }) => name?.value ?? []).join('.');
      const text = node.value.replaceAll(/`[^`]*`/g, '').replaceAll(/\s+/g, ' ');
      for (const [words, instead] of VAGUE) {
        const [word] = text.match(words) ?? [];
        if (word) {
          found.push(`${place}: "${word}": ${instead}`);
        }
      }
    },
  });
  return found;
}
