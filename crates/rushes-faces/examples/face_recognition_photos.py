"""Looks for faces as a first script would, with the package `face_recognition`: file, places, templates.

Called by the measure example: face_recognition_photos.py PHOTO... Prints processor seconds and the number of faces.
"""

import sys
import time

import face_recognition


def look(path):
    picture = face_recognition.load_image_file(path)
    places = face_recognition.face_locations(picture)
    return len(face_recognition.face_encodings(picture, places))


# The first call loads the models.
look(sys.argv[1])
began = time.process_time()
faces = sum(look(path) for path in sys.argv[1:])
print(time.process_time() - began, faces)
