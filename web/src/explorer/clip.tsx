/** What the model saw: the frames in a strip, and the clip itself, which a click on a frame brings to its time. */
import { useRef, useState } from "preact/hooks";
import { counted } from "../common/format";
import { Outside, plain } from "../common/outside";
import type { Clip, Medium } from "../payload";
import { Strip } from "./strip";

export function ClipView({ clip }: { clip: Clip }) {
  const players = useRef<(HTMLVideoElement | null)[]>([]);
  const frames = clip.media.reduce((n, medium) => n + medium.frames.length, 0);
  const seek = (medium: number, time: number) => {
    const player = players.current[medium];
    if (player) player.currentTime = time;
  };
  return (
    <section class="clip">
      <h3>
        Frames <span class="n">{counted(frames, "frame")} shown to the model</span>
      </h3>
      <div class="clip-parts">
        <Strip clip={clip} seek={seek} />
        <div class="players">
          {clip.media.map((medium, i) => (
            <Player key={i} medium={medium} hold={(player) => (players.current[i] = player)} />
          ))}
        </div>
      </div>
    </section>
  );
}

const PICTURE = /\.(gif|png|jpe?g|webp|avif)$/i;

function Player({ medium, hold }: { medium: Medium; hold: (player: HTMLVideoElement | null) => void }) {
  const { file, url, span } = medium;
  const [broken, setBroken] = useState(false);
  const [start, end] = span;
  const part = start === null && end === null ? "" : `#t=${start ?? 0}${end === null ? "" : `,${end}`}`;
  const shared = { onError: () => setBroken(true) };
  const note = url === null ? "the file is no longer there" : broken ? "this browser cannot play it" : "";
  return (
    <figure class="player">
      {url === null || broken ? null : PICTURE.test(file) ? (
        <img src={url} alt={`Clip ${plain(file, 120)}`} {...shared} />
      ) : (
        // Its header is read, so that it shows where it starts, and whether it can be played at all.
        <video
          ref={hold}
          controls
          muted
          playsInline
          preload="metadata"
          src={url + part}
          aria-label={`Clip ${plain(file, 120)}`}
          {...shared}
        />
      )}
      <figcaption>
        <Outside text={file} />
        {part && `, ${seconds(start ?? 0)} to ${end === null ? "the end" : seconds(end)}`}
        {note && ` (${note})`}
      </figcaption>
    </figure>
  );
}

export function seconds(time: number): string {
  return `${time.toFixed(2)} s`;
}
