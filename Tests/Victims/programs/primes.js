// node: a generator, a Map, promises, timers and worker-less async rounds with some garbage; one line each.
const fs = require('fs');
function* numbers(from, to) { for (let n = from; n < to; n++) yield n; }
async function round(index) {
  const seen = new Map();
  for (const n of numbers(index * 100000, (index + 1) * 100000)) {
    const key = `k${(n * 2654435761) % 4096}`;
    seen.set(key, (seen.get(key) || 0) + (n % 7 ? n : { valueOf: () => -n }));
  }
  await new Promise((resolve) => setTimeout(resolve, 1));
  const hash = await new Promise((resolve, reject) =>
    require('crypto').pbkdf2(String(index), 'salt', 20000, 16, 'sha256', (error, key) => error ? reject(error) : resolve(key.toString('hex'))));
  let sum = 0;
  for (const [key, value] of seen) sum = (sum * 31 + key.length + Number(value) % 1000003) % 1000000007;
  fs.writeSync(1, `round ${index}: ${seen.size} ${sum.toFixed(3)} ${hash}\n`);
}
(async () => { for (let i = 0; i < 150; i++) await round(i); })();
