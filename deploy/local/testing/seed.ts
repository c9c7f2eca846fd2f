import fc from 'fast-check';

/**
 * Properties are tried with the same cases everywhere, so that what passed here passes there, and what failed fails again.
 * `FUZZ_SEED=n` tries others, `FUZZ_SEED=random` new ones every time; a property that fails names its seed.
 */
const { FUZZ_SEED: wanted = '20261121' } = process.env;
const seed = wanted === 'random' ? Date.now() % 2 ** 31 : Number(wanted);
if (!Number.isInteger(seed)) throw new Error(`FUZZ_SEED must be a whole number or "random", not "${wanted}"`);
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
