"""What a quiet user notices of one abusive account: pings over their socket, and logins, during each attack.

A server with its own database and the demo model runs in a child process, and each attack in another one. Rounds with
and without the attack alternate, so that both see the same load of the machine.
"""
