// A CSMS on npm `ocpp-rpc`: node's TLS, the library's own reading of frames.  Its one door is wss:// for profile 2.
//
//     node csms_on_ocpp_rpc.mjs NODE_MODULES_PARENT DIR IDENTITY PASSWORD
//
// DIR holds ec.pem and rsa.pem (certificate chain and key in each).  Tells its port in one line.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, dir, known, right] = process.argv.slice(2);
const { RPCServer, createRPCError } = createRequire(join(modules, 'package.json'))('ocpp-rpc');

const rpc = new RPCServer({ protocols: ['ocpp2.0.1'], strictMode: true, wssOptions: { perMessageDeflate: true } });
const sessions = new Map();
const failures = new Map();
const perSecond = (key, most) => {
    const now = Date.now();
    const recent = (failures.get(key) ?? []).filter((at) => now - at < 4000);
    failures.set(key, [...recent, now]);
    return recent.length < most;
};

rpc.auth((accept, reject, handshake) => {
    if (handshake.identity !== known) {
        return perSecond('questions', 40) ? reject(404, 'unknown') : reject(429, 'wait');
    }
    if (handshake.password?.toString() === right) return accept({}, 'ocpp2.0.1');
    return perSecond('logins', 20) ? reject(401, 'credentials') : reject(429, 'wait');
});

rpc.on('client', (client) => {
    sessions.get(client.identity)?.close({ code: 1000, reason: 'replaced' });
    sessions.set(client.identity, client);
    let booted = false;
    const now = () => new Date().toISOString();
    const afterBoot = (answer) => () => {
        if (!booted) throw createRPCError('SecurityError', 'boot first');
        return answer();
    };
    client.handle('BootNotification', () => {
        booted = true;
        return { currentTime: now(), interval: 300, status: 'Accepted' };
    });
    client.handle('Heartbeat', afterBoot(() => ({ currentTime: now() })));
    client.handle('StatusNotification', afterBoot(() => ({})));
    client.handle('SecurityEventNotification', afterBoot(() => ({})));
});

const pems = ['ec.pem', 'rsa.pem'].map((name) => readFileSync(join(dir, name)));
const server = createServer({
    key: pems,
    cert: pems,
    ciphers: 'TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-GCM-SHA384',
});
server.on('upgrade', rpc.handleUpgrade);
server.listen(0, 'localhost', () => console.log(server.address().port));
