# Images: JSON and tars that somebody made, and what is kept of them.
brig_fuzz(image_json_fuzz DEPS brig_image_worker)
brig_fuzz(image_tar_fuzz DEPS brig_image_worker)
brig_fuzz(image_manifest_fuzz DEPS brig_image)
brig_fuzz(dockerfile_fuzz DEPS brig_image_worker)
brig_fuzz(template_definition_fuzz DEPS brig_image)
brig_fuzz(library_fuzz DEPS brig_image_make)
brig_fuzz(image_order_fuzz DEPS brig_image)
