//! Files of CAs as people have them: from editors, other tools, and joined by hand.

use std::path::Path;
use std::sync::LazyLock;
use std::thread;

use activity_worker::aws::{HttpsTransport, Network, Transport, TransportConfigError};
use activity_worker::clock::ServerClock;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::peer::{Ca, Peer, answering};
use crate::{AMPLE, post};

/// Trusts what `content`, a file, holds.
fn trusting(content: &[u8]) -> Result<HttpsTransport, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let built = HttpsTransport::builder().ca_file(file.path().to_owned()).connect_timeout(AMPLE).build();
    built.map_err(|e| e.to_string().replace(&*file.path().to_string_lossy(), "FILE"))
}

/// Whether servers of all these CAs are trusted.
fn trusts(content: &[u8], cas: &[&Ca]) {
    let transport = trusting(content).unwrap();
    thread::scope(|scope| {
        for ca in cas {
            let peer = Peer::tls(ca.server("127.0.0.1"), answering);
            let transport = &transport;
            scope.spawn(move || transport.send(&post(&peer.url("https"))).unwrap());
        }
    });
}

fn pem(ca: &Ca) -> String {
    std::fs::read_to_string(ca.file().path()).unwrap()
}

#[test]
fn field_14_a_ca_file_is_read_however_it_was_written() {
    let (one, two) = (Ca::root(), Ca::root());
    let (a, b) = (pem(&one), pem(&two));
    let joined = format!("{}{b}", a.trim_end());
    assert!(joined.contains("-----END CERTIFICATE----------BEGIN CERTIFICATE-----"));
    let one_line = a.replace('\n', " ");
    for content in [
        format!("\u{feff}{a}{b}"),
        format!("{a}{b}").replace('\n', "\r\n"),
        format!("{a}{b}").replace('\n', "\r"),
        joined,
        format!("{a}\u{feff}{b}"),
        format!("# Our CA\nIssuer: CN=x -----\n{a}\n\n text between\n{b}\nand after"),
        format!("{a}{b}{a}{a}"),
        format!("{a}{b}").lines().map(|line| format!("   {line}  \n")).collect(),
        format!("{one_line}{b}"),
        format!("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n{a}{b}"),
        a.replace(" CERTIFICATE", " X509 CERTIFICATE") + &b,
    ] {
        trusts(content.as_bytes(), &[&one, &two]);
    }
    let latin = [b"# Beh\xf6rde\n", a.as_bytes(), b.as_bytes()].concat();
    trusts(&latin, &[&one, &two]);
    // Keys have no place there; they are not read.
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
    trusts(format!("{key}{a}{b}").as_bytes(), &[&one, &two]);
}

#[test]
fn field_14_a_ca_file_of_no_use_says_what_is_wrong_and_where() {
    let good = pem(&Ca::root());
    let trusted = good.replace(" CERTIFICATE", " TRUSTED CERTIFICATE");
    let der = CertificateDer::from_pem_slice(good.as_bytes()).unwrap();
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let lines = good.lines().count();
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain(good.bytes().flat_map(|b| [b, 0])).collect();
    for (content, said) in [
        (b"".to_vec(), "it is empty".to_owned()),
        (b" \n".to_vec(), "it is empty".to_owned()),
        (b"hello".to_vec(), "it holds no certificate".to_owned()),
        (der.to_vec(), "it is DER, and PEM is wanted: openssl x509 -inform der".to_owned()),
        (utf16, "it is UTF-16".to_owned()),
        (
            trusted.clone().into_bytes(),
            "certificate number 1 (line 1) is a TRUSTED CERTIFICATE of OpenSSL".to_owned(),
        ),
        (
            format!("{good}{trusted}").into_bytes(),
            format!("certificate number 2 (line {}) is a TRUSTED CERTIFICATE of OpenSSL", lines + 1),
        ),
        (
            format!("{good}{bad}{good}").into_bytes(),
            format!("certificate number 2 (line {}) is not valid: it is damaged", lines + 1),
        ),
        (
            format!("{good}-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n").into_bytes(),
            format!("certificate number 2 (line {}) is not base64", lines + 1),
        ),
        (
            format!("{good}-----BEGIN CERTIFICATE-----\nAAAA\n").into_bytes(),
            format!("certificate number 2 (line {}) has no end", lines + 1),
        ),
        (
            good.replace("-----END CERTIFICATE-----", "").into_bytes(),
            "certificate number 1 (line 1) has no end".to_owned(),
        ),
        (
            format!("-----BEGIN CERTIFICATE-----\nAAAA\n{good}").into_bytes(),
            "certificate number 1 (line 1) has no end".to_owned(),
        ),
        (
            format!("{good}{}", good.replacen("-----BEGIN", "----BEGIN", 1)).into_bytes(),
            format!("line {} looks like the beginning of a certificate, and is none", lines + 1),
        ),
        (
            b"-----BEGIN PRIVATE KEY-----\nsEcReT\n-----END PRIVATE KEY-----\n".to_vec(),
            "it holds no certificate, but a private key".to_owned(),
        ),
        (
            b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n".to_vec(),
            "it holds no certificate".to_owned(),
        ),
    ] {
        let told = trusting(&content).unwrap_err();
        assert!(told.starts_with("the CA file FILE can't be used: "), "{told}");
        assert!(told.contains(&said) && !told.contains("sEcReT") && !told.contains('\n'), "{said}: {told}");
    }
}

#[test]
fn field_14_what_is_no_file_is_not_read_as_one() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
    let huge = folder.path().join("huge");
    std::fs::File::create(&huge).unwrap().set_len(1 << 33).unwrap();
    for path in [folder.path(), &fifo, &huge, Path::new("/dev/zero")] {
        let told = HttpsTransport::builder().ca_file(path.to_owned()).build().unwrap_err().to_string();
        assert!(told.contains("is no file of certificates"), "{told}");
    }
}

/// Stands for a CA that browsers trust.
static PUBLIC: LazyLock<Ca> = LazyLock::new(Ca::root);

fn public() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pem(&PUBLIC).as_bytes()).unwrap()).unwrap();
    roots
}

#[test]
fn field_14_a_ca_file_adds_to_the_public_cas_or_stands_in_their_place() {
    let (own, other) = (Ca::root(), Ca::root());
    let server = |ca: &Ca| Peer::tls(ca.server("127.0.0.1"), answering);
    let (by_own, by_public, by_other) = (server(&own), server(&PUBLIC), server(&other));
    let builder = || HttpsTransport::builder().connect_timeout(AMPLE).public_cas(public);
    let file = own.file();
    for (transport, trusted) in [
        (builder().build().unwrap(), [false, true, false]),
        (builder().ca_file(file.path().to_owned()).build().unwrap(), [true, true, false]),
        (builder().ca_file(file.path().to_owned()).ca_only(true).build().unwrap(), [true, false, false]),
        (builder().ca_only(true).ca_file(file.path().to_owned()).build().unwrap(), [true, false, false]),
    ] {
        let told = [&by_own, &by_public, &by_other].map(|peer| transport.send(&post(&peer.url("https"))));
        let oks = told.each_ref().map(Result::is_ok);
        assert_eq!(oks, trusted);
        for error in told.into_iter().filter_map(Result::err) {
            assert!(error.reason.contains("comes from an unknown CA") && !error.sent, "{error}");
        }
        // Whoever looks at the date alone trusts no one else either.
        let dates = [&by_own, &by_public, &by_other].map(|peer| transport.probe_date(&peer.url("https")));
        for (date, trusted) in dates.into_iter().zip(trusted) {
            assert!(date.is_none() || trusted);
        }
    }
    let told = builder().ca_only(true).build().unwrap_err();
    assert_eq!(told, TransportConfigError::CaFileMissing);
    assert!(told.to_string().contains("no CA file is named"));
}

#[test]
fn field_14_whoever_shares_the_network_shares_whom_it_trusts() {
    let (own, clock) = (Ca::root(), ServerClock::system());
    let file = own.file();
    let mut network = Network::new(clock);
    network.ca_file = Some(file.path().to_owned());
    network.ca_only = true;
    let peer = Peer::tls(own.server("127.0.0.1"), answering);
    assert!(network.transport(AMPLE).unwrap().send(&post(&peer.url("https"))).is_ok());
    network.ca_file = None;
    assert_eq!(network.transport(AMPLE).err(), Some(TransportConfigError::CaFileMissing));
}

#[test]
fn field_14_a_clients_files_are_read_the_same_way() {
    let folder = tempfile::tempdir().unwrap();
    let from = |name: &str| {
        let clients = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transport/clients"));
        std::fs::read_to_string(clients.join(name)).unwrap()
    };
    let (certificate, key) = (from("p256.pem"), from("p256-pkcs8.key"));
    let file = folder.path().join("both.pem");
    let built = |content: &str| {
        std::fs::write(&file, content).unwrap();
        let builder = HttpsTransport::builder().client_certificate(file.clone(), file.clone());
        builder.build().map(drop).map_err(|e| e.to_string())
    };
    for content in [
        format!("\u{feff}{certificate}{key}").replace('\n', "\r\n"),
        format!("{}{key}", certificate.trim_end()),
        format!("{}{certificate}", key.trim_end()),
    ] {
        assert_eq!(built(&content), Ok(()), "{content}");
    }
    let proc_type = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    for (content, said) in [
        (format!("{certificate}{proc_type}"), "a private key that a passphrase protects"),
        (
            format!("{certificate}{}", key.replace("PRIVATE", "ENCRYPTED PRIVATE")),
            "a private key that a passphrase protects",
        ),
        (format!("{certificate}{}", key.replace("-----END", "-----ENDE")), "its private key has no end"),
        (certificate.clone(), "both.pem holds no private key"),
        (key.clone(), "both.pem holds no certificate, but a private key"),
    ] {
        let told = built(&content).unwrap_err();
        assert!(told.contains(said) && told.lines().count() == 1, "{told}");
    }
}
