# SPDX-License-Identifier: Apache-2.0
"""What TLS proves: certificates, names, chains, profiles, and the engine over memory buffers.

Pure: bytes in, bytes out. No sockets, no files, no clock. `engine` runs handshakes, `certificates`
makes and reads key material, `failures` holds the one vocabulary for what went wrong, `passive`
reads what a handshake shows in clear, `profiles` says which protocols and ciphers we speak.
"""
