import { describe, expect, it } from 'vitest';
import { keysymOf, parseKeys } from './keys.ts';

const [shift, ctrl, alt, superKey, enter] = [0xffe1, 0xffe3, 0xffe9, 0xffeb, 0xff0d];

describe('keys', () => {
  it.each([
    ['Return', [[enter]]], ['ENTER', [[enter]]], ['page_down', [[0xff56]]], ['PageDown', [[0xff56]]], ['Next', [[0xff56]]], ['ArrowLeft', [[0xff51]]], ['Left', [[0xff51]]], ['ESC', [[0xff1b]]],
    ['BackSpace', [[0xff08]]], ['F5', [[0xffc2]]], ['f12', [[0xffc9]]], ['KP_7', [[0xffb7]]], ['Numpad3', [[0xffb3]]], ['space', [[0x20]]], [' ', [[0x20]]], ['a', [[0x61]]], ['ü', [[0xfc]]], ['€', [[0x20ac]]], ['’', [[0x0ad1]]], ['…', [[0x01002026]]],
    ['東', [[0x01006771]]], ['😀', [[0x0101f600]]], ['plus', [[0x2b]]], ['+', [[0x2b]]], ['minus', [[0x2d]]], ['KeyA', [[0x61]]], ['Digit1', [[0x31]]], ['U00e9', [[0xe9]]],
  ])('reads %s', (text, chords) => expect(parseKeys(text)).toEqual(chords));

  it.each([
    ['ctrl+c', [[ctrl, 0x63]]], ['Control_L+Alt_L+Delete', [[ctrl, alt, 0xffff]]], ['CMD+space', [[superKey, 0x20]]], ['ctrl++', [[ctrl, 0x2b]]], ['ctrl+plus', [[ctrl, 0x2b]]], ['alt + F4', [[alt, 0xffc1]]],
    ['ctrl+a Delete', [[ctrl, 0x61], [0xffff]]], ['Tab Tab Return', [[0xff09], [0xff09], [enter]]],
  ])('reads the combination %s', (text, chords) => expect(parseKeys(text)).toEqual(chords));

  it('names what a key gives with shift, so that the screen keeps shift down', () => {
    expect(parseKeys('shift+a')).toEqual([[shift, 0x41]]);
    expect(parseKeys('ctrl+shift+t')).toEqual([[ctrl, shift, 0x54]]);
    expect(parseKeys('Shift+1')).toEqual([[shift, 0x21]]);
    expect(parseKeys('shift+ß')).toEqual([[shift, 0xdf]]);
    expect(parseKeys('shift+Tab')).toEqual([[shift, 0xff09]]);
  });

  it.each(['', 'ctrl+', 'nokey', 'ctrl+nokey', 'a b nokey', 'F99', 'U110000', 'constructor', 'ctrl+toString'])('knows no key %j', (text) => expect(parseKeys(text)).toBeNull());

  it('types line ends and tabs by their keys', () => expect([...'\n\t~'].map(keysymOf)).toEqual([enter, 0xff09, 0x7e]));
});
