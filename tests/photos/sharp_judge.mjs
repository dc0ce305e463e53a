// Reads from stdin [{expected, ours: [file, …]}, …]; writes for each of ours how far it is from the expected file as
// sharp shows it at that size, and the colour of which the expected file has most.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';

const FAR = 24;
const sharp = createRequire(process.argv[2])('sharp');
const asked = JSON.parse(readFileSync(0, 'utf8'));

const shown = (file) => sharp(file).autoOrient().toColourspace('srgb').ensureAlpha();
const pixels = (image) => image.raw().toBuffer({ resolveWithObject: true });

// The mean and the greatest distance of colours in front of black, and of alpha; and the share of pixels that are far.
function distance(one, other) {
  let sum = 0, most = 0, far = 0;
  for (let at = 0; at < one.length; at += 4) {
    let here = Math.abs(one[at + 3] - other[at + 3]);
    sum += here;
    for (let band = at; band < at + 3; band++) {
      const apart = Math.abs(one[band] * one[at + 3] - other[band] * other[at + 3]) / 255;
      sum += apart;
      here = Math.max(here, apart);
    }
    most = Math.max(most, here);
    far += here > FAR;
  }
  return { mean: sum / one.length, most, far: (4 * far) / one.length };
}

function mostly({ data }) {
  const counted = new Map();
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] < 128) continue;
    const colour = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
    counted.set(colour, (counted.get(colour) ?? 0) + 1);
  }
  return [...counted].reduce((best, one) => (one[1] > best[1] ? one : best), [0, 0])[0];
}

async function judge({ expected, ours }) {
  const whole = await pixels(shown(expected));
  const { width, height } = whole.info;
  const found = [];
  for (const file of ours) {
    const made = await pixels(shown(file));
    const size = { width: made.info.width, height: made.info.height };
    const isWhole = size.width === width && size.height === height;
    const wanted = isWhole ? whole : await pixels(shown(expected).resize({ ...size, fit: 'fill' }));
    found.push({ ...size, ...distance(wanted.data, made.data) });
  }
  return { width, height, colour: mostly(whole), ours: found };
}

const judged = [];
const queue = asked.entries();
async function work() {
  for (const [place, one] of queue) judged[place] = await judge(one);
}
await Promise.all(Array.from({ length: availableParallelism() }, work));
process.stdout.write(JSON.stringify(judged));
