// Builds the native part with Cargo and puts it where `ts/native.ts` looks for it. Nothing is
// downloaded. `--release` builds what is to be shipped. SCM_NODE_CARGO can name another command that
// builds it, such as `cargo test --workspace --no-run`: Cargo then takes what it has built before with
// the features of the whole workspace.
import { spawnSync } from 'node:child_process';
import { copyFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const given = process.env.SCM_NODE_CARGO ?? 'cargo build --locked -p scm-node';
const [command, ...args] = given.split(' ');
args.push('--message-format=json-render-diagnostics');
if (process.argv.includes('--release')) args.push('--release');

const built = spawnSync(command, args, {
  cwd: root,
  stdio: ['ignore', 'pipe', 'inherit'],
  encoding: 'utf8',
  maxBuffer: 256 * 1024 * 1024,
});
if (built.status !== 0) process.exit(built.status ?? 1);

const library = built.stdout
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
  .filter((message) => message.reason === 'compiler-artifact' && message.target.name === 'scm_node')
  .flatMap((message) => message.filenames)
  .find((file) => /\.(so|dylib|dll)$/.test(file));
if (library === undefined) throw new Error('Cargo built no library of scm-node');

// Renamed into place: a process that has the old one open keeps it whole.
const place = join(root, 'scm.node');
copyFileSync(library, `${place}.new`);
renameSync(`${place}.new`, place);
