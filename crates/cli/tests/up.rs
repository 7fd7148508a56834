//! `haggle up` as a newcomer runs it, without a Docker Engine: the rest must work all the same.

#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod common;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use common::Home;
use serde_json::Value;

const NO_ENGINE: &str = "unix:///nowhere/docker.sock";
const ANY: &str = "127.0.0.1:0";

struct Cloud {
    child: Child,
    told: Value,
}

impl Cloud {
    fn up(home: &Home) -> Cloud {
        let mut child = home
            .command()
            .env_remove("HAGGLE_KEYRING_PASSWORD")
            .args(["up", "--json", "--docker", NO_ENGINE, "--block-time-ms", "300"])
            .args(["--rpc-listen", ANY, "--rest-listen", ANY, "--grpc-listen", ANY])
            .args([
                "--gateway-listen",
                ANY,
                "--gateway-grpc-listen",
                ANY,
                "--ingress-listen",
                ANY,
                "--faucet-listen",
                ANY,
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value =
            serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(told["error"].is_null(), "{told}");
        Cloud { child, told }
    }

    fn text(&self, key: &str) -> &str {
        self.told[key].as_str().unwrap()
    }

    /// Ctrl-C, as a terminal sends it.
    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return;
            }
            assert!(Instant::now() < end, "it does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn http(url: &str, request: &str, body: &str) -> (u16, Value) {
    let address: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn uakt(home: &Home, cloud: &Cloud, address: &str) -> u128 {
    let path = format!("GET /cosmos/bank/v1beta1/balances/{address}/by_denom?denom=uakt");
    let _ = home;
    let (status, body) = http(cloud.text("rest"), &path, "");
    assert_eq!(status, 200, "{body}");
    body["balance"]["amount"].as_str().unwrap().parse().unwrap()
}

#[test]
fn a_cloud_without_docker_says_so_serves_everything_else_and_keeps_its_state() {
    let home = Home::new();
    let cloud = Cloud::up(&home);
    assert!(cloud.told["provider"].is_null());
    let why = cloud.text("provider_absent").to_owned();
    assert!(why.contains("Docker Engine") && why.contains("/nowhere/docker.sock"), "{why}");
    let accounts = cloud.told["accounts"].as_array().unwrap().clone();
    assert_eq!(accounts.len(), 3);
    for account in &accounts {
        assert_eq!(account["phrase"].as_str().unwrap().split(' ').count(), 24);
    }

    // The faucet pays, and refuses what it cannot pay.
    let tenant = accounts[0]["address"].as_str().unwrap();
    let before = uakt(&home, &cloud, tenant);
    let ask = format!("{{\"address\":\"{tenant}\",\"denom\":\"uakt\"}}");
    let (status, body) = http(cloud.text("faucet"), "POST /credit", &ask);
    assert_eq!(status, 200, "{body}");
    assert_eq!(uakt(&home, &cloud, tenant) - before, 100_000_000);
    let (status, body) =
        http(cloud.text("faucet"), "POST /credit", "{\"address\":\"akash1nobody\"}");
    assert_eq!(status, 400, "{body}");
    assert!(body["error"].as_str().unwrap().starts_with("address"), "{body}");

    // Commands find the test keys without asking for a password.
    let node = ["--node", cloud.text("rpc"), "--from", "tenant", "--json"];
    let mut args = vec!["status"];
    args.extend(node);
    let output = home.command().env_remove("HAGGLE_KEYRING_PASSWORD").args(&args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    // A second one in the same home is refused while the first runs.
    let mut args = vec!["up", "--json", "--docker", NO_ENGINE];
    args.extend(["--rpc-listen", ANY, "--rest-listen", ANY, "--grpc-listen", ANY]);
    let second = home.run_with(&args, "", &[("HAGGLE_KEYRING_PASSWORD", "")]);
    assert_eq!(second.code, 2, "{}", second.stdout);
    assert!(second.stdout.contains("in use by another process"), "{}", second.stdout);

    let balance = uakt(&home, &cloud, tenant);
    let chain = cloud.text("chain_id").to_owned();
    cloud.stop();
    let again = Cloud::up(&home);
    assert_eq!(again.text("chain_id"), chain);
    assert_eq!(uakt(&home, &again, tenant), balance, "the home keeps its state");
    assert_eq!(again.told["accounts"].as_array().unwrap(), &accounts);
    again.stop();
}

#[test]
fn a_port_that_is_taken_is_one_clear_sentence() {
    let home = Home::new();
    let taken = TcpListener::bind(ANY).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut args = vec!["up", "--json", "--docker", NO_ENGINE, "--rpc-listen", &address];
    args.extend(["--rest-listen", ANY, "--grpc-listen", ANY, "--faucet-listen", ANY]);
    let output = home.command().env_remove("HAGGLE_KEYRING_PASSWORD").args(&args).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{told}");
    let error: Value = serde_json::from_str(&told).unwrap();
    let message = error["error"]["message"].as_str().unwrap();
    assert!(message.contains(&address) && message.contains("stop what listens there"), "{message}");
    // The home is free again and the network is usable on another port.
    let cloud = Cloud::up(&home);
    cloud.stop();
}
