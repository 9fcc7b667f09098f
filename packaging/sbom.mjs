// The bill of materials, CycloneDX 1.5 (https://cyclonedx.org/docs/1.5/json/), on stdout: every crate that is compiled
// into the static binaries, from cargo's own metadata and lock file, and the SQLite inside one of them.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const TARGETS = ['x86_64-unknown-linux-musl', 'aarch64-unknown-linux-musl'];
const METADATA_BYTES = 64 * 1024 * 1024;

const metadata = (target) => JSON.parse(execFileSync('cargo',
  ['metadata', '--locked', '--format-version', '1', '--filter-platform', target], { maxBuffer: METADATA_BYTES }));

const checksums = new Map([...readFileSync('Cargo.lock', 'utf8').matchAll(
  /name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"/g)].map(([, name, version, sum]) => [`${name}@${version}`, sum]));

// id → { package, isBuilt, needs }: what is reached from our own package, without what only tests need.
const found = new Map();
let root;
for (const target of TARGETS) {
  const { packages, resolve } = metadata(target);
  root = resolve.root;
  const byId = new Map(packages.map((one) => [one.id, one]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const visit = (id, isBuilt) => {
    const known = found.get(id) ?? { package: byId.get(id), isBuilt: false, needs: new Set(), seen: new Set() };
    found.set(id, known);
    if (known.seen.has(`${target} ${isBuilt}`)) return;
    known.seen.add(`${target} ${isBuilt}`);
    known.isBuilt ||= isBuilt;
    for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps) {
      if (kinds.every(({ kind }) => kind === 'dev')) continue;
      known.needs.add(pkg);
      // Build scripts and macros run while compiling; what they need is not in the binary.
      visit(pkg, isBuilt && kinds.some(({ kind }) => kind === null) && !isMacro(byId.get(pkg)));
    }
  };
  visit(root, true);
}

function isMacro({ targets }) {
  return targets.some(({ kind }) => kind.includes('proc-macro'));
}

const purl = ({ name, version }) => `pkg:cargo/${name}@${version}`;

function component({ package: crate, isBuilt }) {
  const { name, version, description, license, repository } = crate;
  const checksum = checksums.get(`${name}@${version}`);
  return {
    type: 'library', 'bom-ref': purl(crate), name, version,
    ...(description && { description: description.trim().replaceAll(/\s+/g, ' ') }),
    scope: isBuilt ? 'required' : 'excluded',
    ...(checksum && { hashes: [{ alg: 'SHA-256', content: checksum }] }),
    licenses: [{ expression: license.replaceAll(/\s*\/\s*/g, ' OR ') }],
    purl: purl(crate),
    ...(repository && { externalReferences: [{ type: 'vcs', url: repository }] }),
  };
}

// SQLite's own code lies in the crate that binds it.
function sqlite(binding) {
  const header = readFileSync(join(dirname(binding.manifest_path), 'sqlite3/sqlite3.h'), 'utf8');
  const version = header.match(/#define SQLITE_VERSION +"(.+)"/)[1];
  return {
    type: 'library', 'bom-ref': `pkg:generic/sqlite@${version}`, name: 'sqlite', version, scope: 'required',
    description: 'SQL database engine, as bundled by libsqlite3-sys', licenses: [{ expression: 'blessing' }],
    purl: `pkg:generic/sqlite@${version}`, cpe: `cpe:2.3:a:sqlite:sqlite:${version}:*:*:*:*:*:*:*`,
  };
}

const own = found.get(root).package;
const crates = [...found.entries()].filter(([id]) => id !== root).map(([, one]) => one);
const binding = crates.find((one) => one.package.name === 'libsqlite3-sys').package;
const engine = sqlite(binding);
const byRef = (a, b) => (a < b ? -1 : 1);
const components = [...crates.map(component), engine].sort((a, b) => byRef(a['bom-ref'], b['bom-ref']));
const dependencies = [...found.values()].map((one) => ({
  ref: purl(one.package),
  dependsOn: [...[...one.needs].map((id) => purl(found.get(id).package)), ...(one.package === binding ? [engine['bom-ref']] : [])].sort(),
})).concat({ ref: engine['bom-ref'], dependsOn: [] }).sort((a, b) => byRef(a.ref, b.ref));

// The same sources give the same document: its number comes from the lock file.
const digest = createHash('sha256').update(readFileSync('Cargo.lock')).digest('hex');
const uuid = `${digest.slice(0, 8)}-${digest.slice(8, 12)}-5${digest.slice(13, 16)}-a${digest.slice(17, 20)}-${digest.slice(20, 32)}`;
console.log(JSON.stringify({
  bomFormat: 'CycloneDX', specVersion: '1.5', serialNumber: `urn:uuid:${uuid}`, version: 1,
  metadata: {
    component: {
      type: 'application', 'bom-ref': purl(own), name: own.name, version: own.version, description: own.description,
      licenses: [{ expression: own.license }], purl: purl(own),
    },
  },
  components, dependencies,
}, null, 2));
