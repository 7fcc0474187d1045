// Documents generated from the schema: for every root field a valid one, and one for each way to break it.
import { getNamedType, isEnumType, isInputObjectType, isLeafType, isListType, isNonNullType, isObjectType, isRequiredArgument, isRequiredInputField } from 'graphql';

/** Valid literals of the scalars. */
const LITERALS = { ID: '"x"', String: '"x"', Int: '1', Float: '1.5', Boolean: 'true', Decimal: '"1.50"', Date: '"2026-01-01"', DateTime: '"2026-01-01T00:00:00Z"', LogPosition: '"1"', JSON: '{ a: 1 }' };
/** Invalid literals of the specification's types. */
const WRONG = { ID: 'true', String: '1', Int: '"1"', Float: '"1"', Boolean: '1' };

function literal(type) {
  if (isNonNullType(type)) {
    return literal(type.ofType);
  }
  if (isListType(type)) {
    return `[${literal(type.ofType)}]`;
  }
  if (isEnumType(type)) {
    return type.getValues()[0].name;
  }
  if (isInputObjectType(type)) {
    return object(type);
  }
  return LITERALS[type.name];
}

function object(type, changes = {}) {
  const all = Object.values(type.getFields());
  const needed = type.isOneOf ? all.slice(0, 1) : all.filter(isRequiredInputField);
  const fields = new Map(needed.map((field) => [field.name, literal(field.type)]));
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) {
      fields.delete(name);
    } else {
      fields.set(name, value);
    }
  }
  return `{ ${[...fields].map(([name, value]) => `${name}: ${value}`).join(', ')} }`;
}

/** A selection of a type: a leaf of its own, otherwise of its fields. */
function selection(type, depth = 3) {
  const named = getNamedType(type);
  if (isLeafType(named)) {
    return '';
  }
  const fields = isObjectType(named) || named.getFields ? Object.values(named.getFields()) : [];
  const open = fields.filter((field) => !field.args.some(isRequiredArgument));
  const leaf = open.find((field) => isLeafType(getNamedType(field.type)));
  const below = leaf ?? (depth > 0 ? open.find((field) => selection(field.type, depth - 1) !== null) : undefined);
  return below ? ` { ${below.name}${selection(below.type, depth - 1)} }` : ' { __typename }';
}

function operation(kind, field, args, selected = selection(field.type)) {
  const given = Object.entries(args).filter(([, value]) => value !== undefined);
  const text = given.length > 0 ? `(${given.map(([name, value]) => `${name}: ${value}`).join(', ')})` : '';
  return `${kind} Generated { ${field.name}${text}${selected} }`;
}

/** A literal that the type refuses by the specification; none for custom scalars, which graphql-js does not check. */
function wrong(type) {
  const named = getNamedType(type);
  if (isEnumType(named)) {
    return `"${named.getValues()[0].name}"`;
  }
  return isInputObjectType(named) ? '"x"' : WRONG[named.name];
}

/** The documents of a field, valid and broken. */
function* of(kind, field) {
  const args = Object.fromEntries(field.args.filter(isRequiredArgument).map((arg) => [arg.name, literal(arg.type)]));
  yield operation(kind, field, args);
  yield operation(kind, field, { ...args, nothing: 1 });
  yield operation(kind, field, args, isLeafType(getNamedType(field.type)) ? ' { x }' : '');
  yield operation(kind, field, args, ' { nothingOfTheKind }');
  for (const arg of field.args) {
    yield operation(kind, field, { ...args, [arg.name]: literal(arg.type) });
    yield operation(kind, field, { ...args, [arg.name]: undefined });
    yield operation(kind, field, { ...args, [arg.name]: 'null' });
    const literalOfAnother = wrong(arg.type);
    if (literalOfAnother) {
      yield operation(kind, field, { ...args, [arg.name]: literalOfAnother });
    }
    const input = getNamedType(arg.type);
    if (isInputObjectType(input)) {
      for (const part of Object.values(input.getFields())) {
        for (const value of [literal(part.type), 'null', null, wrong(part.type)].filter((value) => value !== undefined)) {
          yield operation(kind, field, { ...args, [arg.name]: object(input, { [part.name]: value }) });
        }
      }
      yield operation(kind, field, { ...args, [arg.name]: object(input, { nothingOfTheKind: '1' }) });
    }
  }
}

/** Every document of the schema. */
export function generated(schema) {
  const documents = [];
  for (const [kind, root] of [['query', schema.getQueryType()], ['mutation', schema.getMutationType()], ['subscription', schema.getSubscriptionType()]]) {
    for (const field of Object.values(root.getFields())) {
      documents.push(...of(kind, field));
    }
  }
  return [...new Set(documents)];
}
