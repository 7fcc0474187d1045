// The example operations of crates/http/operations, in a pane of GraphiQL: one click opens one in a tab.
import { useEditorContext } from '@graphiql/react';
import { parse } from 'graphql';
import { useEffect, useRef } from 'react';

/** The fragments that a part of a document spreads, those of fragments included. */
function fragmentsOf(node, fragments, found = new Set()) {
  for (const selection of node.selectionSet?.selections ?? []) {
    const name = selection.kind === 'FragmentSpread' ? selection.name.value : undefined;
    if (name && fragments.has(name) && !found.has(name)) {
      found.add(name);
      fragmentsOf(fragments.get(name), fragments, found);
    }
    fragmentsOf(selection, fragments, found);
  }
  return found;
}

/** A definition as it was written, with the comment right above it. */
function textOf(document, node) {
  const above = document.slice(0, node.loc.start).trimEnd().split('\n');
  let first = above.length;
  while (first > 0 && above[first - 1].startsWith('#')) {
    first -= 1;
  }
  const comment = document.slice(0, node.loc.start).endsWith('\n\n') ? [] : above.slice(first);
  return [...comment, document.slice(node.loc.start, node.loc.end)].join('\n');
}

/** Every operation of every area, each with the fragments and the variables that it needs. */
export function listOf(areas) {
  return areas.flatMap(({ area, document, variables }) => {
    const { definitions } = parse(document);
    const named = (kind) => definitions.filter((definition) => definition.kind === kind);
    const fragments = new Map(named('FragmentDefinition').map((fragment) => [fragment.name.value, fragment]));
    return named('OperationDefinition').map((operation) => {
      const name = operation.name.value;
      const parts = [operation, ...[...fragmentsOf(operation, fragments)].map((spread) => fragments.get(spread))];
      const given = variables[name];
      return {
        area,
        name,
        kind: operation.operation,
        query: `${parts.map((part) => textOf(document, part)).join('\n\n')}\n`,
        variables: given && JSON.stringify(given, null, 2),
      };
    });
  });
}

function Icon() {
  const icon = useRef(null);
  // The pane is open at first: GraphiQL 4 knows only the button for it.
  useEffect(() => icon.current.closest('button')?.click(), []);
  return (
    <svg ref={icon} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M3 7 Q12 1 21 7 L12 22 Z" />
      <circle cx="10" cy="9" r="1.3" />
      <circle cx="14" cy="10" r="1.3" />
      <circle cx="12" cy="14" r="1.3" />
    </svg>
  );
}

/** The pane over some examples. */
export function examplesPlugin(examples) {
  const areas = [...new Set(examples.map((example) => example.area))];
  function Content() {
    const editors = useEditorContext({ nonNull: true });
    const open = (example) => {
      // The token goes along: a tab has headers of its own.
      const headers = editors.headerEditor?.getValue() ?? '';
      editors.addTab();
      // The new tab's own values are set first.
      setTimeout(() => {
        editors.queryEditor?.setValue(example.query);
        editors.variableEditor?.setValue(example.variables ?? '');
        editors.headerEditor?.setValue(headers);
      }, 0);
    };
    return (
      <section className="examples" aria-label="Examples">
        <h2>Examples</h2>
        {areas.map((area) => (
          <div key={area}>
            <h3>{area}</h3>
            <ul>
              {examples
                .filter((example) => example.area === area)
                .map((example) => (
                  <li key={example.name}>
                    <button type="button" className="graphiql-un-styled" onClick={() => open(example)}>
                      {example.name} <small>{example.kind}</small>
                    </button>
                  </li>
                ))}
            </ul>
          </div>
        ))}
      </section>
    );
  }
  return { title: 'Examples', icon: Icon, content: Content };
}
