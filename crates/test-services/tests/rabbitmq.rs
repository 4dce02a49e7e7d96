//! A real RabbitMQ broker is started, killed and started again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use test_services::{RabbitMq, RabbitMqOptions};

/// Whether a broker answers the protocol header at the address of `url`.
fn answers(url: &str) -> bool {
    let address = url.trim_start_matches("amqp://guest:guest@").trim_end_matches("/%2f");
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    stream.write_all(b"AMQP\0\0\x09\x01").is_ok() && stream.read_exact(&mut [0; 7]).is_ok()
}

#[test]
fn rabbitmq_answers_until_it_is_killed_and_again_after_a_restart() {
    let options = RabbitMqOptions { consumer_timeout: Some(Duration::from_secs(2)) };
    let mut rabbitmq = RabbitMq::start_with(options).unwrap();
    let url = rabbitmq.url();
    assert!(answers(&url));
    rabbitmq.kill();
    assert!(!answers(&url));
    rabbitmq.restart().unwrap();
    assert_eq!(rabbitmq.url(), url);
    assert!(answers(&url));
    drop(rabbitmq);
    assert!(!answers(&url));
}
