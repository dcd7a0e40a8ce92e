//! Of input 40: a port that is taken.

use std::net::{TcpListener, UdpSocket};

use biplane_net::{BindError, Endpoint};

use crate::rig::{Scene, Victim, config, listen_config};

/// Where no other test's connections take the port of the other plane meanwhile.
const ALONE: &str = if cfg!(target_os = "linux") { "127.0.0.40:0" } else { "127.0.0.1:0" };

#[test]
fn bad_input_40_a_taken_port_is_told_by_name() {
    let scene = Scene::new(Victim::Server);
    let taken = scene.address();
    let error = Endpoint::listen(&taken.to_string(), listen_config()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on TCP {taken}: address in use"));
    assert!(matches!(error, BindError::Tcp { address, .. } if address == taken));
    let error = Endpoint::bind(taken, config()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open UDP {taken}: address in use"));
    assert!(matches!(error, BindError::Udp { address, .. } if address == taken));
    // Who has it keeps it.
    scene.go_on();
}

#[test]
fn bad_input_40_a_port_that_is_taken_on_one_plane_is_told_with_the_plane_and_let_go() {
    let udp = UdpSocket::bind(ALONE).unwrap();
    let address = udp.local_addr().unwrap();
    let error = Endpoint::listen(&address.to_string(), listen_config()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot open UDP {address}: address in use"));
    // Nothing of the attempt is left behind on the other plane.
    drop(TcpListener::bind(address).unwrap());
    drop(udp);
    let tcp = TcpListener::bind(address).unwrap();
    let error = Endpoint::listen(&address.to_string(), listen_config()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot listen on TCP {address}: address in use"));
    drop(tcp);
    drop(Endpoint::listen(&address.to_string(), listen_config()).unwrap());
}
