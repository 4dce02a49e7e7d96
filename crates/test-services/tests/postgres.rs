//! A real PostgreSQL server is started, killed and started again.

use std::io::{Read, Write};
use std::net::TcpStream;

use test_services::Postgres;

/// Logs in as the wire protocol has it, and returns the first byte of the answer: `R` for "you are in".
fn login(url: &str) -> std::io::Result<u8> {
    let address = url.trim_start_matches("postgres://postgres@").trim_end_matches("/postgres");
    let mut stream = TcpStream::connect(address)?;
    let body = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
    stream.write_all(&(body.len() as u32 + 4).to_be_bytes())?;
    stream.write_all(body)?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    Ok(answer[0])
}

#[test]
fn postgres_lets_us_in_until_it_is_killed_and_again_after_a_restart() {
    let mut postgres = Postgres::start().unwrap();
    let url = postgres.url();
    assert_eq!(login(&url).unwrap(), b'R');
    postgres.kill();
    login(&url).unwrap_err();
    postgres.restart().unwrap();
    assert_eq!(postgres.url(), url);
    assert_eq!(login(&url).unwrap(), b'R');
    drop(postgres);
    login(&url).unwrap_err();
}
