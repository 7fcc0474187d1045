// The TypeScript example: generates types from the operations, compiles strictly, and runs.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const cwd = fileURLToPath(new URL('./', import.meta.url));

function run(script, ...parameters) {
  execFileSync(process.execPath, [script, ...parameters], { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
}

run('node_modules/.bin/graphql-codegen', '--config', 'typescript/codegen.js');
run('node_modules/.bin/tsc', '--project', 'typescript');
run('typescript/build/customer.js');
