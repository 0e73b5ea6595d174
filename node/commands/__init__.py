"""Commands of `ember` in groups: `persons` is what a person says of an exam, `svca` the classes of the clustered reference.

`opening` holds what every command needs: settings, register, one exam. `node.cli` puts the groups together.
"""
