// Whether a bill of materials has the shape of CycloneDX 1.5 and says what is true: sbom-check.mjs FILE VERSION
import { readFileSync } from 'node:fs';
import assert from 'node:assert/strict';

const [file, version] = process.argv.slice(2);
const bom = JSON.parse(readFileSync(file, 'utf8'));
assert.deepEqual([bom.bomFormat, bom.specVersion, bom.version], ['CycloneDX', '1.5', 1]);
assert.match(bom.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
assert.deepEqual([bom.metadata.component.name, bom.metadata.component.version], ['portagent', version]);
const refs = new Set([bom.metadata.component['bom-ref']]);
for (const part of bom.components) {
  assert.equal(part.type, 'library', part.name);
  assert.ok(!refs.has(part['bom-ref']), `${part.name} stands there twice`);
  refs.add(part['bom-ref']);
  assert.equal(part.purl, `pkg:${part.name === 'sqlite' ? 'generic' : 'cargo'}/${part.name}@${part.version}`);
  assert.ok(['required', 'excluded'].includes(part.scope));
  assert.match(part.licenses[0].expression, /^[A-Za-z0-9.() +-]+$/, part.name);
  if (part.name !== 'sqlite') assert.match(part.hashes[0].content, /^[0-9a-f]{64}$/, part.name);
}
for (const { ref, dependsOn } of bom.dependencies) for (const one of [ref, ...dependsOn]) assert.ok(refs.has(one), one);
assert.equal(bom.dependencies.length, refs.size);
const scope = (name) => bom.components.find((part) => part.name === name)?.scope;
assert.deepEqual(['rusqlite', 'sqlite', 'ureq', 'ring', 'tungstenite'].map(scope), Array(5).fill('required'));
assert.deepEqual(['cc', 'serde_derive'].map(scope), ['excluded', 'excluded'], 'needed to compile only');
assert.equal(scope('tempfile'), undefined, 'needed by tests only');
console.log(`${bom.components.length} parts`);
