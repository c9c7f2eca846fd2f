import type { Step } from './beat.ts';
import { guestbookAddress, guestbookFolder, guestbookPlaces, page, server } from './tour-guestbook.ts';

const act = (action: string, more: object = {}) => ({ name: 'computer', arguments: { action, ...more } });
const bash = (command: string, more: object = {}) => ({ name: 'bash', arguments: { command, timeout_seconds: 60, ...more } });

/** What the tour's guest signs with: letters that are on no keyboard of one country. */
export const guest = { name: 'Zoë Łukasz', words: 'Grüße vom Schreibtisch' } as const;

/**
 * The part of the tour that uses the desktop: a page is made, opened in the browser, filled in by mouse and keyboard. A step
 * is done again when a person took over in its middle, so what is typed replaces what was in the field.
 */
export const desktopSteps: readonly Step[] = [
  {
    desktop: true,
    beat: {
      text: 'This computer has a screen too. To show it I need something to click on, so I write a little guest book: a page, and the program that serves it inside this computer.',
      calls: [{ name: 'write', arguments: { path: `${guestbookFolder}/index.html`, content: page } }, { name: 'write', arguments: { path: `${guestbookFolder}/server.py`, content: server } }],
    },
  },
  { desktop: true, beat: { text: 'I start it in the background.', calls: [bash(`cd ${guestbookFolder} && rm -f opened guests.txt && exec python3 server.py`, { background: true })] } },
  {
    desktop: true,
    beat: {
      text: 'And I open it in the desktop\'s browser. Have a look at the **desktop** beside this chat.',
      calls: [bash(`cd ${guestbookFolder} && open ${guestbookAddress} && for moment in $(seq 200); do test -e opened && echo "The page is open" && exit 0; sleep 0.2; done; echo "The page did not open"; exit 1`)],
    },
  },
  {
    desktop: true,
    beat: {
      text: 'From here on I use mouse and keyboard, as you would. Every action comes back with a picture. A real model looks at each of them; I am a script and know where the fields are.',
      calls: [act('screenshot'), act('click', { coordinate: guestbookPlaces.name }), act('key', { keys: 'ctrl+a' }), act('type', { text: guest.name })],
    },
  },
  {
    desktop: true,
    beat: {
      reasoning: 'A person may take the desktop at any moment. Then my next action waits until they give it back, and I am told what happened.',
      text: 'Now the second field. You may **take control** of the desktop at any time: I wait for you.',
      calls: [act('click', { coordinate: guestbookPlaces.words }), act('key', { keys: 'ctrl+a' }), act('type', { text: guest.words })],
    },
  },
  { desktop: true, beat: { text: 'Both are filled in. I sign.', calls: [act('click', { coordinate: guestbookPlaces.button }), act('screenshot')] } },
  { desktop: true, beat: { text: 'If that worked, the page thanks on a green ground. The program wrote down what arrived there:', calls: [bash(`cat ${guestbookFolder}/guests.txt`)] } },
];
