"""What a station costs: memory and CPU of our CSMS against mobilityhouse ``ocpp`` + ``websockets``.

`python -m benchmarks` (``make bench``).  Three programs take part, each a process of its own: the server under
test (`server_ours` or `server_peer`), the stations (`load`, one program for both), and `__main__`, which
starts them in turn and reads what they used.  README.md says what the figures mean and what they do not.
"""
