// A charging station on npm `ocpp-rpc`: node's TLS, node's crypto, `openssl req` for its certificate requests.
//
// A judge: nothing of the project is used.  Its slots, variables and certificates live in one directory.
//
//     node station_on_ocpp_rpc.mjs NODE_MODULES_PARENT DIR IDENTITY URL PASSWORD_FILE
//
// tells in JSON lines what happens to it: {"event": "connected", "profile": 2}.  Its serial number is its identity.

import { execFileSync } from 'node:child_process';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [modules, dir, identity, firstUrl, passwordFile] = process.argv.slice(2);
const { RPCClient, createRPCError } = createRequire(join(modules, 'package.json'))('ocpp-rpc');
const password = readFileSync(passwordFile, 'utf8').trim();
const tell = (what) => process.stdout.write(JSON.stringify(what) + '\n');
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// -- flash memory ----------------------------------------------------------------------------------------
mkdirSync(dir, { recursive: true });
const file = (name) => join(dir, name);
const [rootFile, chainFile, keyFile, newKeyFile] = ['root.pem', 'station.pem', 'station.key', 'new.key'].map(file);
const SLOTS = [0, 1]; // as OpenOCPP counts
const slots = new Map([[0, { url: firstUrl, profile: 1 }]]);
const variables = {
    'OCPPCommCtrlr.NetworkConfigurationPriority': '0',
    'OCPPCommCtrlr.ActiveNetworkProfile': '0',
    'OCPPCommCtrlr.NetworkProfileConnectionAttempts': '2',
    'SecurityCtrlr.SecurityProfile': '1',
    'SecurityCtrlr.OrganizationName': 'nobody yet',
};
const WRITABLE = ['OCPPCommCtrlr.NetworkConfigurationPriority', 'SecurityCtrlr.OrganizationName'];
const current = () => Number(variables['SecurityCtrlr.SecurityProfile']);
const priority = () => variables['OCPPCommCtrlr.NetworkConfigurationPriority'].split(',').map(Number);
let bootReason = 'PowerUp';

// -- certificates ----------------------------------------------------------------------------------------
function children(der) {
    // The elements of a constructed DER value, each with its header.
    const found = [];
    let at = header(der, 0).start;
    const end = header(der, 0).end;
    while (at < end) {
        const element = header(der, at);
        found.push(der.subarray(at, element.end));
        at = element.end;
    }
    return found;
}

function header(der, at) {
    let length = der[at + 1];
    let start = at + 2;
    if (length & 0x80) {
        const bytes = length & 0x7f;
        length = der.subarray(start, start + bytes).reduce((sum, byte) => sum * 256 + byte, 0);
        start += bytes;
    }
    return { start, end: start + length };
}

const sha = (data) => createHash('sha384').update(data).digest('hex');

function hashData(certificate) {
    // RFC 6960: the issuer's Name as it stands, and the bits of the public key without the BIT STRING around them.
    const issuer = children(children(certificate.raw)[0])[3];
    const bits = children(certificate.publicKey.export({ type: 'spki', format: 'der' }))[1];
    const point = bits.subarray(header(bits, 0).start + 1);
    return {
        hashAlgorithm: 'SHA384',
        issuerNameHash: sha(issuer),
        issuerKeyHash: sha(point),
        serialNumber: certificate.serialNumber.replace(/^0+/, ''),
    };
}

function newRequest() {
    const subject = `/O=${variables['SecurityCtrlr.OrganizationName']}/CN=${identity}`;
    execFileSync('openssl', ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', newKeyFile]);
    return execFileSync('openssl', ['req', '-new', '-sha256', '-key', newKeyFile, '-subj', subject]).toString();
}

function untrustworthy(pem) {
    if (!existsSync(newKeyFile)) return 'no request is open';
    const chain = pem.match(/-----BEGIN[^]*?-----END CERTIFICATE-----/g).map((one) => new X509Certificate(one));
    if (!chain[0].checkPrivateKey(createPrivateKey(readFileSync(newKeyFile)))) return 'not for my key';
    const issuers = [...chain.slice(1), new X509Certificate(readFileSync(rootFile))];
    const broken = chain.findIndex((one, index) => !one.checkIssued(issuers[index]) || !one.verify(issuers[index].publicKey));
    return broken < 0 ? null : `certificate ${broken} of the chain was not issued by the next`;
}

function missingFor(profile) {
    if (profile >= 2 && !existsSync(rootFile)) return 'no CSMSRootCertificate';
    if (profile >= 3 && !existsSync(chainFile)) return 'no ChargingStationCertificate';
    return null;
}

// -- what it answers -------------------------------------------------------------------------------------
const name = ({ component, variable }) => `${component.name}.${variable.name}`;

function write(item) {
    const result = { component: item.component, variable: item.variable };
    if (!(name(item) in variables)) return { ...result, attributeStatus: 'UnknownVariable' };
    if (!WRITABLE.includes(name(item))) return { ...result, attributeStatus: 'Rejected' };
    if (name(item) === WRITABLE[0]) {
        const asked = item.attributeValue.split(',').map((slot) => slots.get(Number(slot)));
        if (asked.some((slot) => !slot || slot.profile < current() || missingFor(slot.profile))) {
            return { ...result, attributeStatus: 'Rejected' };
        }
    }
    variables[name(item)] = item.attributeValue;
    return { ...result, attributeStatus: 'Accepted' };
}

function manners(client) {
    client.handle('GetVariables', ({ params }) => ({
        getVariableResult: params.getVariableData.map((item) => {
            const known = variables[name(item)];
            const result = { component: item.component, variable: item.variable };
            if (known === undefined) return { ...result, attributeStatus: 'UnknownVariable' };
            return { ...result, attributeStatus: 'Accepted', attributeValue: known };
        }),
    }));
    client.handle('SetVariables', ({ params }) => ({ setVariableResult: params.setVariableData.map(write) }));
    client.handle('GetReport', () => ({ status: 'NotSupported' }));
    client.handle('InstallCertificate', ({ params }) => {
        const root = new X509Certificate(params.certificate);
        if (!root.verify(root.publicKey)) return { status: 'Rejected' };
        writeFileSync(rootFile, params.certificate);
        return { status: 'Accepted' };
    });
    client.handle('GetInstalledCertificateIds', () => {
        if (!existsSync(rootFile)) return { status: 'NotFound' };
        const certificateHashData = hashData(new X509Certificate(readFileSync(rootFile)));
        const chain = [{ certificateType: 'CSMSRootCertificate', certificateHashData }];
        return { status: 'Accepted', certificateHashDataChain: chain };
    });
    client.handle('TriggerMessage', ({ params }) => {
        if (params.requestedMessage !== 'SignChargingStationCertificate') return { status: 'NotImplemented' };
        setTimeout(() => client.call('SignCertificate', { csr: newRequest() }).catch(() => {}), 10);
        return { status: 'Accepted' };
    });
    client.handle('CertificateSigned', ({ params }) => {
        const why = untrustworthy(params.certificateChain);
        if (why) return { status: 'Rejected', statusInfo: { reasonCode: 'InvalidCertificate', additionalInfo: why } };
        renameSync(newKeyFile, keyFile);
        writeFileSync(chainFile, params.certificateChain);
        return { status: 'Accepted' };
    });
    client.handle('SetNetworkProfile', ({ params }) => {
        const { ocppCsmsUrl: url, securityProfile: profile, ocppInterface } = params.connectionData;
        const active = Number(variables['OCPPCommCtrlr.ActiveNetworkProfile']);
        const free = SLOTS.includes(params.configurationSlot) && params.configurationSlot !== active;
        if (!free || profile < current() || ocppInterface !== 'Wireless0') return { status: 'Rejected' };
        slots.set(params.configurationSlot, { url, profile });
        return { status: 'Accepted' };
    });
    client.handle('Reset', () => {
        bootReason = 'RemoteReset';
        setTimeout(() => client.close({ code: 1001, reason: 'reset' }).catch(() => {}), 50);
        return { status: 'Accepted' };
    });
    client.handle(() => {
        throw createRPCError('NotImplemented');
    });
}

// -- connecting ------------------------------------------------------------------------------------------
async function use(slot) {
    const { url, profile } = slots.get(slot);
    const ca = existsSync(rootFile) ? readFileSync(rootFile) : [];
    const own = profile === 3 ? { cert: readFileSync(chainFile), key: readFileSync(keyFile) } : {};
    const client = new RPCClient({
        endpoint: url,
        identity,
        protocols: ['ocpp2.0.1'],
        password: profile < 3 ? password : null,
        strictMode: true,
        reconnect: false,
        wsOpts: { ca, ...own },
    });
    manners(client);
    try {
        await client.connect();
    } catch (error) {
        tell({ event: 'refused', profile, why: String(error.code ?? error.message) });
        return false;
    }
    tell({ event: 'connected', profile });
    const closed = new Promise((done) => client.once('close', done));
    const chargingStation = { model: 'Node', vendorName: 'Others BV', serialNumber: identity };
    const answer = await client.call('BootNotification', { reason: bootReason, chargingStation }).catch(() => null);
    if (answer?.status === 'Accepted') settled(slot, profile);
    await closed;
    tell({ event: 'disconnected', profile });
    return true;
}

function settled(slot, profile) {
    // A05.FR.06: the new profile works, so lower ones go.
    variables['OCPPCommCtrlr.ActiveNetworkProfile'] = String(slot);
    variables['SecurityCtrlr.SecurityProfile'] = String(profile);
    for (const [number, data] of slots) if (data.profile < profile) slots.delete(number);
    variables[WRITABLE[0]] = priority().filter((number) => slots.has(number)).join(',');
    tell({ event: 'booted', profile });
}

for (;;) {
    for (const slot of priority()) {
        if ((await use(slot)) || (await use(slot))) break;
    }
    await pause(100);
}
