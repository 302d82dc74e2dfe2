"""The five outputs as a first script would make them with MoviePy: each file is encoded anew, with MoviePy's defaults.

Called by the bench: moviepy_outputs.py FOLDER, where plan.json names clips, cuts, stickers and sounds.
"""

import json
import os
import sys

from moviepy import AudioFileClip, CompositeVideoClip, ImageClip, VideoFileClip, concatenate_videoclips

folder = sys.argv[1]
with open(os.path.join(folder, "plan.json"), encoding="utf-8") as file:
    plan = json.load(file)


def write(clip, name):
    clip.write_videofile(os.path.join(folder, name), fps=30, codec="libx264", audio_codec="aac", logger=None)


def sticker(place, clip):
    picture = ImageClip(place["file"]).with_duration(clip.duration)
    return picture.with_position((place["x"], place["y"]))


clips = [VideoFileClip(path) for path in plan["clips"]]
parts = [clips[cut["clip"]].subclipped(cut["start_s"], cut["end_s"]) for cut in plan["cuts"]]
remix = concatenate_videoclips(parts).with_audio(AudioFileClip(plan["original"]))
write(remix, "remix.mp4")
for clip in clips:
    clip.close()

remix = VideoFileClip(os.path.join(folder, "remix.mp4"))
marked = CompositeVideoClip([remix, sticker(plan["icon"], remix), sticker(plan["name"], remix)])
write(marked, "watermarked.mp4")

for picture, sound, name in [
    ("remix.mp4", plan["music"], "kpop.mp4"),
    ("watermarked.mp4", plan["music"], "marked_kpop.mp4"),
    ("watermarked.mp4", plan["original"], "marked_orig.mp4"),
]:
    film = VideoFileClip(os.path.join(folder, picture))
    write(film.with_audio(AudioFileClip(sound)), name)
    film.close()
