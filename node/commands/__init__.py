"""Commands of `ember` in groups: `persons` is what a person says of an exam, `belonging` which series are
of it, `rules` a dry run of the site's rules, `svca` the classes of the clustered reference,
`fetch` what peers have, `backup` the storage folder on another disk,
`callers` who was turned away. `doors` is what `ember check` tries of the network.

`opening` holds what every command needs: settings, register, one exam. `node.cli` puts the groups together.
"""
