import { describe, expect, it } from 'vitest';
import { AddressPolicy } from './address-policy.ts';
import { parseEndpointUrl } from './endpoint-url.ts';

const strict = new AddressPolicy();

describe('SECURITY 9: endpoint URLs as people type them', () => {
  it.each([
    // not a web address
    '', 'api.example.com', 'ftp://api.example.com', 'file:///etc/passwd', 'http://', 'https:///v1', 'http:/api.example.com', 'javascript:alert(1)', 'gopher://api.example.com',
    // private literals, and spellings that become them
    'http://127.0.0.1', 'http://127.0.0.1:11434/v1', 'http://localhost', 'http://LOCALHOST:80', 'http://api.localhost', 'http://0.0.0.0', 'http://10.1.2.3', 'http://169.254.169.254/latest', 'http://[::1]', 'http://[::]:80',
    'http://[::ffff:127.0.0.1]', 'http://[::ffff:7f00:1]', 'http://[64:ff9b::7f00:1]', 'http://[2002:7f00:1::]', 'http://[fd00::1]', 'http://[fe80::1%25eth0]',
    'http://127.1', 'http://0x7f.0.0.1', 'http://0x7f000001', 'http://2130706433', 'http://017700000001', 'http://0177.0.0.1', 'http://１２７.０.０.１', 'http://127.0.0.1.', 'http://localhost.',
    // odd spellings of public hosts are refused too
    'http://134744072', 'http://0x08080808', 'https://ａpi.example.com', 'https://api.example.com.', 'https://bücher.example', 'https://api。example。com', 'https://api%2eexample.com',
    // user names, fragments, queries, whitespace, backslashes
    'https://user@api.example.com', 'https://user:pass@api.example.com', 'https://api.example.com@127.0.0.1', 'https://127.0.0.1:80@api.example.com/', 'https://@api.example.com',
    'https://api.example.com/#x', 'https://api.example.com/?key=1', 'https://api.example.com\\@127.0.0.1', 'https:\\\\api.example.com', 'https://api.example.com/ v1', 'https://api.exa\tmple.com', 'https://api.example.com/v1\r\nx: y', 'https://api.example.com\u0000',
    'https://api.example.com:99999',
  ])('refuses %j', (text) => expect(() => parseEndpointUrl(text, strict)).toThrow(expect.objectContaining({ code: 'BAD_INPUT' })));

  it.each(['https://api.example.com', 'https://api.example.com/v1', 'https://API.example.com:8443/openai/v1/', 'http://8.8.8.8:8000', 'https://[2606:4700::1]/v1', 'https://xn--bcher-kva.example'])(
    'takes %s', (text) => expect(parseEndpointUrl(text, strict).href).toContain('//'),
  );

  it('takes private hosts and ranges that an administrator names, with their port only', () => {
    const policy = new AddressPolicy('localhost:11434, 127.0.0.1:8000,[::1]:9000,ollama:1, 10.9.0.0/16');
    for (const url of ['http://localhost:11434/v1', 'http://127.0.0.1:8000', 'http://[::1]:9000', 'http://10.9.1.1:5']) expect(parseEndpointUrl(url, policy).href).toContain('http');
    for (const url of ['http://localhost:11435', 'http://127.0.0.1:8001', 'http://[::1]:9001', 'http://10.8.1.1', 'http://localhost', 'http://[::ffff:7f00:1]:8000']) expect(() => parseEndpointUrl(url, policy)).toThrow('is not a public address');
  });
});
