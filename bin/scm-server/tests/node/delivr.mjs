// The old server's side, written without its code: its cipher, its rows, its reading.
//
//   node delivr.mjs vectors              values and what they were sealed with, always the same ones
//   node delivr.mjs seal < JSON          {"passPhrase", "values": [text]}: the values sealed, as a list
//   node delivr.mjs read < JSON          {"passPhrase", "values": [text]}: the values opened, as a list
//
// Only node's own modules. Salt and IV of `vectors` are made of a counter: they are for tests alone.
import { createCipheriv, createDecipheriv, createHash, pbkdf2Sync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const key = (passPhrase, salt) => pbkdf2Sync(passPhrase, salt, 100_000, 32, 'sha256');

function seal(passPhrase, text, salt = randomBytes(64), iv = randomBytes(16)) {
  const cipher = createCipheriv('aes-256-gcm', key(passPhrase, salt), iv);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return [salt, iv, cipher.getAuthTag(), sealed].map((part) => part.toString('base64')).join(':');
}

function open(passPhrase, value) {
  const parts = value.split(':');
  const isSealed = parts.length === 4 && parts.every((part) => /^[A-Za-z0-9+/]+=*$/.test(part));
  if (!isSealed) return value;
  const [salt, iv, tag, sealed] = parts.map((part) => Buffer.from(part, 'base64'));
  const decipher = createDecipheriv('aes-256-gcm', key(passPhrase, salt), iv);
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8');
}

function vectors() {
  const counted = (what, length) => {
    const blocks = [0, 1].map((n) => createHash('sha256').update(`${what}/${n}`).digest());
    return Buffer.concat(blocks).subarray(0, length);
  };
  const cases = [
    ['a pass phrase of more than thirty-two characters', 'ghp_0123456789abcdefghijklmnopqrstuvwxyz'],
    ['Ein Satz mit Ümlauten und 🦀, über die Zeile hinaus', 'glpat-x'],
    ['short', 'user@example.com:ATATT3xFfGF0'],
    ['x'.repeat(200), 'y'.repeat(4000)],
    ['a pass phrase of more than thirty-two characters', 'ünïcode 日本'],
  ];
  return cases.map(([passPhrase, text], n) => ({
    passPhrase,
    text,
    sealed: seal(passPhrase, text, counted(`salt ${n}`, 64), counted(`iv ${n}`, 16)),
  }));
}

const [mode] = process.argv.slice(2);
const input = () => JSON.parse(readFileSync(0, 'utf8'));
const modes = {
  vectors,
  seal: () => {
    const { passPhrase, values } = input();
    return values.map((text) => seal(passPhrase, text));
  },
  read: () => {
    const { passPhrase, values } = input();
    return values.map((value) => open(passPhrase, value));
  },
};
process.stdout.write(`${JSON.stringify(modes[mode](), null, 1)}\n`);
