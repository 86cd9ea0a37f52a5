"""The vendor's own device, unchanged: runs under the Python that has ``losantmqtt``.

python vendor_device.py PORT DEVICE KEY SECRET

The client speaks to port 1883 alone, so a forwarder listens there on a loopback address of its own.
It prints ``{"address": ..}`` once it is connected, and each command that it hears; each line of its
input is a state that it reports. A command is answered by a state ``{"done": iterationId}``.
"""

import json
import os
import queue
import socket
import sys
import threading

from losantmqtt import Device

PORT = 1883


def say(**told):
    print(json.dumps(told), flush=True)


def forward(listener, port):
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=pump, args=(one, other), daemon=True).start()


def pump(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    finally:
        one.close()
        other.close()


def listen(port):
    """Return the loopback address on which the broker seems to listen on its usual port."""
    number = os.getpid() % 60_000
    address = f"127.77.{number // 250 + 1}.{number % 250 + 1}"
    listener = socket.create_server((address, PORT))
    threading.Thread(target=forward, args=(listener, port), daemon=True).start()
    return address


def answering(states):
    """Return what hears commands, and has them answered by a state."""

    def heard(_device, command):
        say(command=command["name"], payload=command.get("payload"))
        asked = command.get("payload") or {}
        if "iterationId" in asked:
            states.put({"done": asked["iterationId"]})

    return heard


def read(states):
    for line in sys.stdin:
        states.put(json.loads(line))
    states.put(None)


def live(device, states):
    """Report states until there are no more."""
    while True:
        device.loop(timeout=0.05)
        try:
            state = states.get_nowait()
        except queue.Empty:
            continue
        if state is None:
            return
        device.send_state(state)


def main():
    port, device_id, key, secret = sys.argv[1:]
    Device.mqtt_endpoint = listen(int(port))
    device = Device(device_id, key, secret, secure=False)
    states = queue.Queue()
    device.add_event_observer("command", answering(states))
    device.connect(blocking=False)
    while not device.is_connected():
        device.loop(timeout=0.1)
    say(connected=True)
    threading.Thread(target=read, args=(states,), daemon=True).start()
    live(device, states)


if __name__ == "__main__":
    main()
