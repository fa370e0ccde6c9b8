// fetch.js ARCH OUT lays out under OUT what pins.json names for ARCH, which is
// one of Go's names for an architecture. It runs in the Dockerfile's fetch stage.
//
// npm downloads; we compare each package with the digest that pins.json holds, so
// that neither the registry nor anyone on the way to it decides what is in the image.
'use strict';

const { createHash } = require('crypto');
const { execFileSync } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

const [arch, out] = process.argv.slice(2);
const pins = JSON.parse(fs.readFileSync(path.join(__dirname, 'pins.json'), 'utf8'));
const prefix = path.join(out, 'opt/codex-mcp-runner');
const local = path.join(out, 'usr/local');

function run(cmd, ...args) {
  return execFileSync(cmd, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

// What went wrong is the last thing said, without a stack.
process.on('uncaughtException', (err) => {
  console.error(`fetch.js: ${err.message.split('\n')[0]}`);
  process.exit(1);
});

// unpack fetches a package, checks it, and returns the directory that it is in.
function unpack(spec, integrity) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'fetch-'));
  const [{ filename }] = JSON.parse(run('npm', 'pack', '--json', '--pack-destination', dir, spec));
  // npm 9 prints the name of a scoped package with its slash, and writes it with a dash.
  const file = path.join(dir, filename.replace('@', '').replace('/', '-'));
  const got = 'sha512-' + createHash('sha512').update(fs.readFileSync(file)).digest('base64');
  if (integrity && got !== integrity) {
    throw new Error(`${spec} is not what pins.json says: want ${integrity}, got ${got}`);
  }
  console.log(`${spec} ${got}${integrity ? '' : ' (not pinned)'}`);
  run('tar', '-xzf', file, '-C', dir, '--no-same-owner');
  fs.rmSync(file);
  return path.join(dir, 'package');
}

// pinned says what to fetch of an entry, or throws if it has nothing for arch.
function pinned(name) {
  const p = pins[name].packages[arch] || pins[name].packages.any;
  if (!p) throw new Error(`pins.json has no ${name} for ${arch}`);
  return p;
}

function move(from, to) {
  fs.mkdirSync(path.dirname(to), { recursive: true });
  run('mv', from, to);
}

// Codex: the whole vendor directory becomes the prefix. Codex looks for
// codex-code-mode-host beside itself, and for ripgrep and its resources by
// codex-package.json one level up.
let codex = pinned('codex');
const version = process.env.CODEX_VERSION || pins.codex.version;
if (version !== pins.codex.version) {
  codex = { spec: codex.spec.replace(pins.codex.version, version) };
}
const vendor = path.join(unpack(codex.spec, codex.integrity), 'vendor');
move(path.join(vendor, fs.readdirSync(vendor)[0]), prefix);
fs.symlinkSync('../codex-path/rg', path.join(prefix, 'bin/rg'));

// Node and npm: what the default allowed commands run.
const node = pinned('node');
const nodeDir = unpack(node.spec, node.integrity);
move(path.join(nodeDir, 'bin/node'), path.join(local, 'bin/node'));
move(path.join(nodeDir, 'LICENSE'), path.join(local, 'share/doc/node/LICENSE'));
const npm = pinned('npm');
move(unpack(npm.spec, npm.integrity), path.join(local, 'lib/node_modules/npm'));
for (const cli of ['npm', 'npx']) {
  fs.symlinkSync(`../lib/node_modules/npm/bin/${cli}-cli.js`, path.join(local, 'bin', cli));
}
// A login shell resets PATH to the distribution's, which has /usr/local/bin only.
fs.symlinkSync('/opt/codex-mcp-runner/bin/rg', path.join(local, 'bin/rg'));

// Any uid may read and run all of it; nobody may change it or gain rights by it.
run('chown', '-R', '0:0', out);
run('chmod', '-R', 'u=rwX,go=rX', out);
// But for Codex: of a program that may be run and not read, the kernel lets no
// other process of the same user open the memory or the files (proc(5),
// PR_SET_DUMPABLE). So what Codex runs cannot write into its stdout, which is
// where we read what it did.
for (const program of ['codex', 'codex-code-mode-host']) {
  fs.chmodSync(path.join(prefix, 'bin', program), 0o711);
}
