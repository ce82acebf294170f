//! Real processes: what one sends is what the other gets, also when either is killed anywhere in the middle.

#![deny(unsafe_code)]

mod fixture;

#[path = "two_processes/exchange.rs"]
mod exchange;
#[path = "two_processes/killed_consumer.rs"]
mod killed_consumer;
#[path = "two_processes/killed_producer.rs"]
mod killed_producer;
#[path = "two_processes/message.rs"]
mod message;
