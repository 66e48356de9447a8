brig_fuzz(archive_fuzz DEPS brig_sandboxes)
