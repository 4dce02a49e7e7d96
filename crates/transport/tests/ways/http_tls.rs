//! HTTP with TLS, under a certificate that only the worker's settings trust.

use std::fs;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::TcpStream;
use transport::http::{HttpLink, HttpSettings};
use transport::link::{Link as _, LinkError};
use transport::tls;

use crate::support::{Served, WORK, auth, hello, soon, within};

#[tokio::test]
async fn a_worker_with_the_certificate_has_the_whole_conversation_and_others_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(&certificate, cert.pem()).unwrap();
    fs::write(&key, signing_key.serialize_pem()).unwrap();
    let config = tls::server_config(&certificate, &key).unwrap();
    let served = Served::with(Some(config), auth(|_, _| {})).await;
    let url = format!("https://localhost:{}", served.address.port());

    // Somebody who never shakes hands keeps nobody waiting.
    let _mute = TcpStream::connect(served.address).await.unwrap();

    let stranger = HttpLink::new(&url, WORK, HttpSettings::default()).unwrap();
    let refused = soon(stranger.connect(hello("anna", 4))).await.map(|_| ());
    assert!(matches!(refused, Err(LinkError::Lost(_))), "{refused:?}");

    let settings = HttpSettings { ca: Some(certificate), ..HttpSettings::default() };
    let link = HttpLink::new(&url, WORK, settings).unwrap();
    within(Duration::from_secs(20), crate::conversation::whole(served.plane.clone(), link)).await;
}
