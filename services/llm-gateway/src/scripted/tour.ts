import { quote, wasBrokenOff, wasDenied, type Beat, type DoneCall, type Step } from './beat.ts';
import { desktopSteps } from './tour-desktop.ts';
import { guestbookFolder } from './tour-guestbook.ts';

const file = '/workspace/hello.py';
const greeting = '    return f"Hello, {name}!"';
const friendlier = '    return f"Hello, {name}, from your own computer!"';
const program = ['import sys', '', '', 'def greet(name):', greeting, '', '', 'if __name__ == "__main__":', '    print(greet(sys.argv[1] if len(sys.argv) > 1 else "world"))', ''].join('\n');

/** How often a step on the desktop is done that is broken off again and again. */
const mostTries = 4;

export const scriptedNotice = 'I am **scripted/demo**: not a language model but a fixed script that comes with Deskhand, so that you can see the whole product run without any key.';

/** What the tour calls, step by step; a step whose tools are not on offer is left out. */
const steps: readonly Step[] = [
  {
    beat: {
      reasoning: 'I follow a script, so I know the way already: look at the computer, write a small program, run it, change it, and ask before anything is deleted.',
      text: `Hello! ${scriptedNotice}\n\nWhatever you asked, I answer with the same short tour of **this conversation's own computer**. First I look around in it.`,
      calls: [{ name: 'bash', arguments: { command: 'uname -a; python3 --version; node --version; git --version; pwd', timeout_seconds: 20 } }],
    },
  },
  {
    beat: { text: 'A real Linux machine, which only this conversation uses. Now I write a small program into its workspace.', calls: [{ name: 'write', arguments: { path: file, content: program } }] },
  },
  {
    beat: { text: 'The file is there. I run it.', calls: [{ name: 'bash', arguments: { command: `python3 ${file}`, timeout_seconds: 20 } }] },
  },
  {
    beat: {
      reasoning: 'The greeting could be friendlier. One line has to change, so an edit is better than writing the file again.',
      text: 'It works. I make the greeting friendlier by changing one line: the card below shows the difference.',
      calls: [{ name: 'edit', arguments: { path: file, old_string: greeting, new_string: friendlier } }],
    },
  },
  {
    beat: {
      text: 'Two things at once: I read the file back, and run it again.',
      calls: [{ name: 'read', arguments: { path: file } }, { name: 'bash', arguments: { command: `python3 ${file} "dear reader"`, timeout_seconds: 20 } }],
    },
  },
  ...desktopSteps,
  {
    beat: {
      text: 'One thing is left to show. The tour made files, and deleting them cannot be undone, so **I ask you first**. Nothing happens until you decide: close this page, come back tomorrow, the question waits.',
      calls: [{ name: 'bash', arguments: { command: `rm -rf ${file} ${guestbookFolder} && ls -la /workspace`, timeout_seconds: 20, ask_first: true, reason: `Deletes what the tour made: ${file} and ${guestbookFolder}` } }],
    },
  },
];

/** The tour's answer after `turns`, the calls of its answers so far; `notices` came since the last of them. */
export function tourBeat(turns: readonly (readonly DoneCall[])[], tools: ReadonlySet<string>, notices: readonly string[]): Beat {
  const last = failedCall(turns.at(-1));
  if (turns.length === 1 && last) return { text: noComputer(last) };
  const { next, again } = nextStep(turns, tools);
  if (!next) return { text: [...heard(notices), summary(turns)].join('\n\n') };
  const first = turns.length === 1 ? quote(turns[0]?.[0]?.result?.text ?? '', 1) : '';
  if (again) return { ...next.beat, text: [...heard(notices), 'My last step was broken off, so I do it once more.'].join('\n\n') };
  const before = turns.length > 1 && last ? [`That step did not work:\n\n${quote(last.result?.text ?? 'there is no result')}\n\nThe tour goes on all the same.`] : first === '' ? [] : [first];
  return { ...next.beat, text: [...heard(notices), ...before, next.beat.text].join('\n\n') };
}

/** What comes after `turns`: the next step, or the last one again when somebody broke it off. */
function nextStep(turns: readonly (readonly DoneCall[])[], tools: ReadonlySet<string>): { next: Step | null; again: boolean } {
  let taken = 0;
  let desktopWorks = tools.has('computer');
  for (const step of steps) {
    if (!step.beat.calls?.every((call) => tools.has(call.name)) || (step.desktop && !desktopWorks)) continue;
    for (let tries = 1; ; tries++) {
      const turn = turns[taken++];
      if (turn === undefined) return { next: step, again: tries > 1 };
      const failed = failedCall(turn);
      if (step.desktop && failed && wasBrokenOff(failed) && tries < mostTries) continue;
      if (step.desktop && failed) desktopWorks = false;
      break;
    }
  }
  return { next: null, again: false };
}

function failedCall(turn: readonly DoneCall[] | undefined): DoneCall | undefined {
  return turn?.find((call) => call.result === null || call.result.isError);
}

/** A script cannot think about what a person did, but it can say that it was told. */
function heard(notices: readonly string[]): string[] {
  return notices.length === 0 ? [] : [`I waited, and was told meanwhile:\n\n${notices.map((notice) => `> ${notice}`).join('\n>\n')}\n\nI go on where I was.`];
}

/** The tour of a request that offers no tools. */
export const tourWithoutTools: Beat = {
  reasoning: 'No tools are on offer, so there is nothing to show but words.',
  text: `Hello! ${scriptedNotice}\n\nThis request offers me no tools, so I can only chat. With tools I would show you:\n\n- a shell command in this conversation's own computer,\n- a file written, changed and read,\n- a form filled in on its desktop,\n- a question that waits for your approval.\n\nTo talk to a real model, add a provider key in **Settings → Providers**.`,
};

function noComputer(call: DoneCall): string {
  return `I wanted to show you this conversation's computer, but the command did not work:\n\n${quote(call.result?.text ?? 'there is no result')}\n\nSo the tour ends here. Chat works without a computer; for the rest, \`npm run deskhand -- doctor\` says what is missing. Say **tour** to try again.`;
}

function summary(turns: readonly (readonly DoneCall[])[]): string {
  const asked = turns.flat().find((call) => call.arguments.ask_first === true);
  const edited = turns.flat().some((call) => call.name === 'edit' && call.result?.isError === false);
  const ran = (name: string): string => {
    const calls = turns.flat().filter((call) => call.name === name && call !== asked);
    if (calls.length === 0) return 'not on offer';
    // What was broken off was done once more, so the last try counts.
    const turn = turns.findLast((one) => one.some((call) => calls.includes(call)));
    const failed = calls.filter((call) => call.result?.isError !== false && (name !== 'computer' || turn?.includes(call)));
    return failed.length === 0 ? 'worked' : 'did not work';
  };
  return `${decision(asked)}

### What you just saw

| step | tool | outcome |
|---|---|---|
| look around, run a program | \`bash\` | ${ran('bash')} |
| write a file | \`write\` | ${ran('write')} |
| change one line | \`edit\` | ${ran('edit')} |
| read it back | \`read\` | ${ran('read')} |
| fill in a form on the desktop | \`computer\` | ${ran('computer')} |
| delete, after asking | \`bash\` | ${outcome(asked)} |

The heart of the program was:

\`\`\`python
def greet(name):
${edited ? friendlier : greeting}
\`\`\`

### What you can do next

- Reload this page, or open it in a second tab: nothing is lost.
- Say \`run date\`, and I run one more command.
- Add a provider key in **Settings → Providers**, choose a real model, and ask for real work.

This was the scripted tour; every command in it really ran in your container.`;
}

function decision(asked: DoneCall | undefined): string {
  if (!asked) return 'That was the whole tour.';
  if (wasDenied(asked)) return `**You said no**, so I left everything where it is. That is how it should be: what you deny does not happen.`;
  if (asked.result?.isError === false) return `**You allowed it**, so what the tour made is gone again.`;
  return `The last command did not work:\n\n${quote(asked.result?.text ?? 'there is no result')}`;
}

function outcome(asked: DoneCall | undefined): string {
  if (!asked) return 'not on offer';
  if (wasDenied(asked)) return 'denied by you';
  return asked.result?.isError === false ? 'allowed by you' : 'did not work';
}
