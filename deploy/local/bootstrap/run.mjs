import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Folders that Debian keeps administrator programs in; an unprivileged PATH often lacks them. */
const administratorFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** PATH with the administrator folders at its end. */
export function fullPath() {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return [...folders, ...administratorFolders.filter((folder) => !folders.includes(folder))].join(delimiter);
}

/** Absolute path of a program on the PATH, or null. */
export function which(program, path = fullPath()) {
  for (const folder of path.split(delimiter)) {
    const candidate = join(folder, program);
    if (isExecutable(candidate)) return candidate;
  }
  return null;
}

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * Runs a program to its end and never throws: `{ok, code, output, stdout, timedOut}`.
 * `output` holds both streams, cut to the last 256 kB. After `seconds` the whole process group is killed.
 */
export function run(program, args, { seconds = 60, cwd, environment, input } = {}) {
  return new Promise((resolve) => {
    let output = '';
    let stdout = '';
    let timedOut = false;
    const child = spawn(program, args, {
      cwd,
      detached: true,
      env: { ...process.env, PATH: fullPath(), ...environment },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    const stop = () => killGroup(child.pid);
    running.add(stop);
    const timer = setTimeout(() => {
      timedOut = true;
      stop();
    }, seconds * 1000);
    const keep = (text) => {
      output = (output + text).slice(-262_144);
    };
    child.stdout.on('data', (chunk) => {
      stdout = (stdout + chunk).slice(-4_194_304);
      keep(chunk);
    });
    child.stderr.on('data', keep);
    if (input !== undefined) {
      child.stdin.on('error', () => {});
      child.stdin.end(input);
    }
    const finish = (code, problem) => {
      clearTimeout(timer);
      running.delete(stop);
      resolve({ ok: code === 0, code, output: problem ? output + problem : output, stdout, timedOut });
    };
    child.on('error', (error) => finish(-1, error.message));
    child.on('close', (code) => finish(code ?? -1));
  });
}

const running = new Set();

/** Kills what `run` still has under way, for an interrupted bootstrap. */
export function stopAll() {
  for (const stop of running) stop();
}

function killGroup(pid) {
  if (!pid) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group ended by itself.
  }
}
