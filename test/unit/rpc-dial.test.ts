import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { connectionProblem, type Dial } from '../../src/rpc/channel/dial-problem.ts';
import { PROXY_SWITCH, proxyOptions, proxyVariableFor } from '../../src/rpc/channel/dial.ts';

const PLAIN: Dial = { address: 'peer:7070', isSecure: false, proxy: null };
const SECURE: Dial = { ...PLAIN, isSecure: true };

/** As gRPC words the last error of a connection. */
function unconnected(reason: string): string {
  return `No connection established. Last error: ${reason}. Resolution note: `;
}

describe('why there is no connection', () => {
  const WORDS: readonly (readonly [string, Dial, RegExp])[] = [
    [unconnected('Error: connect ECONNREFUSED 10.0.0.1:7070'), PLAIN, /nothing listens there/],
    [unconnected('Error: connect EHOSTUNREACH 10.0.0.1:7070'), PLAIN, /no way leads .*network/],
    [unconnected('Error: connect ETIMEDOUT 10.0.0.1:7070'), PLAIN, /did not answer in time/],
    [unconnected('Failed to connect (2026-01-31T00:00:00.000Z)'), PLAIN, /give them here too/],
    [unconnected('Failed to connect (2026-01-31T00:00:00.000Z)'), SECURE, /before TLS was there/],
    [unconnected('Protocol error (2026-01-31T00:00:00.000Z)'), PLAIN, /does not speak gRPC/],
    [
      unconnected('Error: 80:error:0A:SSL routines::wrong version number:'),
      SECURE,
      /not speak TLS/,
    ],
    [unconnected('Error: self-signed certificate in certificate chain'), SECURE, /same job/],
    [unconnected('Error: certificate has expired'), SECURE, /its certificate has expired; renew/],
    [unconnected('Error: something new'), PLAIN, /: something new$/],
    [unconnected('null'), PLAIN, /\(plain text, no proxy\): no reason given$/],
    ['No connection established', PLAIN, /no reason given/],
    ['Received HTTP status code 403', PLAIN, /web server or a proxy answered with HTTP status 403/],
    ['Deadline exceeded after 5.000s,Waiting for LB pick', PLAIN, /no connection .* within 5 s/],
    ['Deadline exceeded after 0.400s,remote_addr=1.2.3.4:5', PLAIN, /^peer:7070 did not answer/],
    ['Connection dropped', PLAIN, /^the connection to peer:7070 broke/],
    ['The server does not implement the method /a/B', PLAIN, /does not know \/a\/B/],
  ];
  for (const [details, dial, words] of WORDS) {
    test(`${details} (${dial.isSecure ? 'TLS' : 'plain text'})`, () => {
      const said = connectionProblem(details, dial, null);
      assert.match(said ?? '', words);
      assert.doesNotMatch(said ?? '', /Resolution note|Last error|LB pick|remote_addr|\d{4}-\d\d-/);
    });
  }

  test('a name: unknown, not answered for, or known by now', () => {
    const details = 'Name resolution failed for target dns:peer:7070';
    const said = (name: string): string => connectionProblem(details, PLAIN, name) ?? '';
    assert.match(said('ENOTFOUND'), /no host has the name peer \(ENOTFOUND\); correct it/);
    assert.match(said('EAI_AGAIN'), /the name service does not answer for peer .*; try again/);
    assert.match(said('found'), /had no address a moment ago; try again/);
  });

  test('the words of a peer, and a cancelled call, stay', () => {
    assert.equal(connectionProblem('lease 3 is over', PLAIN, null), null);
    assert.equal(connectionProblem('Cancelled on client', PLAIN, null), null);
  });
});

describe('a proxy', () => {
  const PROXIES = {
    http_proxy: 'http://a:1',
    https_proxy: 'http://b:2',
    grpc_proxy: 'http://c:3',
    all_proxy: 'http://d:4',
    HTTP_PROXY: 'http://e:5',
  };

  test('is not used, whatever the environment names, unless it is asked for', () => {
    assert.equal(proxyVariableFor('peer:7070', PROXIES), null);
    assert.deepEqual(proxyOptions(PLAIN), { 'grpc.enable_http_proxy': 0 });
  });

  test('is the one that gRPC reads once it is asked for, and none on this machine', () => {
    const asked = { ...PROXIES, [PROXY_SWITCH]: 'environment' };
    assert.equal(proxyVariableFor('peer:7070', asked), 'grpc_proxy');
    assert.equal(proxyVariableFor('peer:7070', { [PROXY_SWITCH]: 'environment' }), null);
    for (const address of ['127.0.0.1:7070', 'localhost:7070', '[::1]:7070']) {
      assert.equal(proxyVariableFor(address, asked), null);
    }
  });

  test('asked for in another way is an error', () => {
    assert.throws(() => proxyVariableFor('peer:1', { [PROXY_SWITCH]: 'yes' }), {
      message: /DEEPCLUSTER_GRPC_PROXY: must be "environment", or not set, got "yes"/,
    });
  });
});
